// Whether the listeners answer, the cores work, and the database takes what is to be stored.

import { call } from './api.js'
import { el, table } from './dom.js'
import { bytes, count, micros, short } from './format.js'
import { load } from './work.js'

const EACH_S = 3

export function show({ content, signal }) {
    const into = el('div', { class: 'content' })
    content.append(into)
    let before
    load({ signal, each: EACH_S, into }, async () => {
        const [health, cores] = await Promise.all([call('GET /api/v1/health', { signal }), call('GET /api/v1/cores', { signal })])
        const now = { cores, at: performance.now() }
        const shown = [stateOf(health), listenersOf(health.listeners), coresOf(health.cores, now, before), databaseOf(health.database)]
        before = now
        return shown
    })
}

const mark = (isGood, text) => el('span', { class: isGood ? 'good' : 'bad' }, `${isGood ? '✓' : '✗'} ${text}`)

// What does not work, in a line each.
export function problemsOf({ listeners, cores, database }) {
    return [
        ...listeners.filter(({ result }) => !('Ok' in result)).map(({ binding, result }) => `${binding} does not answer: ${result.Err}`),
        ...cores.filter(({ alive }) => !alive).map(({ shard }) => `The core of shard ${shard} is stuck`),
        ...(database.state === 'away' ? [`The database is away: ${database.error}`] : [])
    ]
}

export function stateOf(health) {
    const problems = problemsOf(health)
    const lines = problems.length ? problems.map(problem => mark(false, problem)) : [mark(true, 'Listeners, cores and database work')]
    return el('p', { class: 'state' }, ...lines)
}

function listenersOf(listeners) {
    return el('section', {}, el('h2', {}, 'Listeners'), table({
        id: 'listeners',
        caption: 'Listeners',
        rows: listeners,
        keyOf: ({ binding }) => binding,
        columns: [
            { title: 'Address', kind: 'code', cell: ({ binding }) => binding },
            { title: 'Answer', kind: 'text', cell: ({ result }) => mark('Ok' in result, result.Ok ?? result.Err) },
            { title: 'Check', kind: 'text wide', cell: ({ info }) => info }
        ]
    }))
}

function coresOf(states, { cores, at }, before) {
    const since = ({ shard, requests }) => {
        const earlier = before?.cores.find(core => core.shard === shard)
        return earlier && (requests - earlier.requests) / ((at - before.at) / 1000)
    }
    const rates = new Map(cores.map(core => [core.shard, since(core)]))
    const most = Math.max(1, ...[...rates.values()].filter(Boolean))
    const number = (title, cell) => ({ title, kind: 'number', cell })
    const alive = ({ shard }) => states.find(state => state.shard === shard)?.alive ?? false
    return el('section', {}, el('h2', {}, 'Cores'), table({
        id: 'cores',
        caption: 'Cores',
        rows: cores,
        keyOf: ({ shard }) => shard,
        columns: [
            number('Shard', ({ shard }) => shard),
            { title: 'State', cell: core => mark(alive(core), alive(core) ? 'works' : 'stuck') },
            number('Requests/s', ({ shard }) => rates.get(shard) === undefined ? '–' : short(rates.get(shard))),
            {
                title: el('span', { class: 'hidden' }, 'Share of the busiest core'),
                cell: ({ shard }) =>
                    el('meter', { class: 'bar', max: most, value: rates.get(shard) ?? 0, 'aria-label': `Requests of shard ${shard}` })
            },
            number('Errors', ({ errors }) => count(errors)),
            number('Drops', ({ dropped }) => count(dropped)),
            number('Torrents', ({ torrents }) => count(torrents)),
            number('Peers', ({ seeders, leechers }) => count(seeders + leechers)),
            number('Connections', ({ http_connections: number }) => count(number)),
            number('Swarms', ({ swarm_bytes: number }) => bytes(number)),
            number('Lists, keys', ({ access_bytes: number }) => bytes(number)),
            number('Late, mean', ({ timer_lateness_us: sum, timer_turns: turns }) => micros(turns ? sum / turns : 0)),
            number('Late, most', ({ timer_lateness_us_max: late }) => micros(late))
        ]
    }))
}

function databaseOf({ state, error, writes_waiting: waiting, writes_done: done, writes_lost: lost, failures }) {
    const states = { absent: 'No database', connected: mark(true, 'connected'), away: mark(false, 'away') }
    const pair = (title, value) => [el('dt', {}, title), el('dd', {}, value)]
    const figures = state === 'absent' ? [] : [
        pair('Changes that wait', count(waiting)),
        pair('Changes written', count(done)),
        pair('Changes lost', count(lost)),
        pair('Failed attempts', count(failures))
    ]
    return el('section', { class: 'card' }, el('h2', {}, 'Database'), el('dl', { class: 'pairs' },
        ...[pair('State', states[state] ?? state), ...(error ? [pair('Error', error)] : []), ...figures].flat()))
}
