// The figures of each second as numbers and as charts, and the totals over all runs.

import { call } from './api.js'
import { lineChart } from './chart.js'
import { el } from './dom.js'
import { adder, CHARTS, TILES } from './figures.js'
import { bytes, count, short } from './format.js'
import { stateOf } from './health.js'
import { load } from './work.js'

const TOTALS_EACH_S = 30
const HEALTH_EACH_S = 10

export function show({ content, login, signal }) {
    const tiles = TILES.map(tile => {
        const value = el('dd', { 'data-testid': `tile-${tile.id}` }, '–')
        return { ...tile, value, add: adder(tile.patterns) }
    })
    const charts = CHARTS.map(chart => ({ ...chart, ...lineChart(chart) }))
    const totals = el('div')
    const state = el('div')
    content.append(
        state,
        el('dl', { class: 'tiles' }, ...tiles.map(({ title, value }) => el('div', { class: 'card' }, el('dt', {}, title), value))),
        el('div', { class: 'charts' }, ...charts.map(({ element }) => element)),
        totals)
    const draw = () => {
        if (document.hidden || !login.latest) return
        tiles.forEach(tile => showTile(tile, login.latest))
        charts.forEach(({ id, draw }) => draw(login.history.times, login.history.valuesOf(id)))
    }
    draw()
    login.events.addEventListener('figures', draw, { signal })
    document.addEventListener('visibilitychange', draw, { signal })
    load({ signal, each: HEALTH_EACH_S, into: state }, async () => stateOf(await call('GET /api/v1/health', { signal })))
    load({ signal, each: TOTALS_EACH_S, into: totals }, async () => totalsOf(await call('GET /api/v1/totals', { signal })))
}

function showTile({ of, add, value, bytes: isBytes }, event) {
    const number = add(event[of])
    value.dataset.value = number
    const text = isBytes ? bytes(number) : number < 1e7 ? count(number) : short(number)
    if (value.textContent !== text) value.textContent = text
}

function totalsOf(totals) {
    const names = Object.keys(totals)
    if (names.length === 0) return el('p', { class: 'note' }, 'No totals over all runs are stored.')
    const pair = name => el('div', {},
        el('dt', {}, name.replaceAll('_', ' ')),
        el('dd', {}, count(totals[name])))
    return el('section', { class: 'card' }, el('h2', {}, 'Totals of all runs'), el('dl', { class: 'tiles small' }, ...names.map(pair)))
}
