// Does in the dashboard what operators do, in Chromium.
//
// Usage: node dashboard.mjs STATE ORIGIN TOKEN TOTALS TORRENT
//
// TOTALS are members of the object in /stats.json, and their values. TORRENT is the info hash of one that no client announces
// any more.

import assert from 'node:assert/strict'

import { open } from './chromium.mjs'

const [state, origin, token, expected, torrent] = process.argv.slice(2)
const totals = JSON.parse(expected)
const NETWORK = '192.0.2.0/24'
const REASON = '<img src=x onerror=console.error(1)>'
const TAB = ['Tab', 9]
const ENTER = ['Enter', 13, '\r']

const named = name => `[data-testid="${name}"]`
const row = (table, key) => `${named(table)} [data-key="${key}"]`

const isThere = selector => document.querySelector(selector) !== null
const isGone = selector => document.querySelector(selector) === null
const focused = () => document.activeElement?.dataset.testid ?? document.activeElement?.id

const page = await open(state, origin)

async function logIn() {
    await page.go('/')
    await page.until('the form', () => document.querySelector('#token')?.checkVisibility())
    await page.assertGood('the form that asks for the token')
    await page.run(token => { document.querySelector('#token').value = token }, token)
    await page.click('#log-in')
    await page.until('events', () => document.querySelector('#connection').dataset.state === 'live')
}

async function seeTotals() {
    const tiles = { torrents: 'torrents', seeders: 'peersSeederOnly', leechers: 'peersLeecherOnly', peers: 'peersAll' }
    for (const [tile, name] of Object.entries(tiles)) {
        await page.until(`${tile}: ${totals[name]}`, (selector, total) =>
            document.querySelector(selector)?.dataset.value === String(total), named(`tile-${tile}`), totals[name])
    }
    await page.until('requests of the load', selector =>
        Number(document.querySelector(selector)?.dataset.value) > 0, named('tile-requests'))
}

// Presses Tab until this has the focus.
async function tabTo(name) {
    for (let presses = 0; await page.run(focused) !== name; presses += 1) {
        assert(presses < 40, `${name} is not reached with Tab`)
        await page.press(...TAB)
    }
}

async function visitEachViewByKeyboard() {
    const tabs = await page.run(() => [...document.querySelectorAll('#tabs a')].map(({ dataset }) => dataset.testid))
    assert.deepEqual(tabs, ['overview', 'torrents', 'keys', 'lists', 'bans', 'sources', 'upstreams', 'health', 'latency', 'config']
        .map(view => `tab-${view}`))
    for (const tab of tabs) {
        await page.run(() => document.querySelector('#skip').focus())
        await tabTo(tab)
        await page.press(...ENTER)
        const view = tab.slice('tab-'.length)
        await page.until(`the view ${view}`, view => {
            const shown = document.querySelector('#view')
            return shown.dataset.view === view && !document.querySelector('#app [aria-busy="true"]')
        }, view)
        await page.assertGood(`the view ${view}`, view === 'overview')
    }
}

async function submit(name, fields) {
    await page.until(name, isThere, named(name))
    await page.run((selector, fields) => {
        const form = document.querySelector(selector)
        for (const [field, value] of Object.entries(fields)) form.elements[field].value = value
        form.requestSubmit()
    }, named(name), fields)
}

const confirm = choice => page.click(`#confirm[open] #confirm-${choice}`)

async function removeTorrent() {
    await page.click(named('tab-torrents'))
    await submit('torrent-search', { prefix: torrent.slice(0, 10) })
    await page.until('the torrent', isThere, row('torrents', torrent))
    const remove = `${row('torrents', torrent)} ${named('torrent-remove')}`
    await page.click(remove)
    await page.assertGood('the question before a removal')
    await confirm('no')
    assert(await page.run(isThere, row('torrents', torrent)), 'the torrent stays')
    await page.click(remove)
    await confirm('yes')
    await page.until('its removal', isGone, row('torrents', torrent))
}

// Keys are credentials, which the history of the browser is not to keep.
async function lookUpKey() {
    await page.click(named('tab-keys'))
    const key = await page.until('a key', selector => document.querySelector(selector)?.dataset.key, `${named('keys')} [data-key]`)
    await submit('key-search', { key })
    await page.until('only that key', () => document.querySelector('[data-focus="All keys"]') !== null)
    assert(await page.run(isThere, row('keys', key)), 'the key')
    assert(!(await page.run(() => location.href)).includes(key), 'the key is not in the address')
    await page.click('[data-focus="All keys"]')
    await page.until('all keys', isGone, '[data-focus="All keys"]')
}

async function setAndLiftBan() {
    await page.click(named('tab-bans'))
    for (const [seconds, until] of [['', 'lifted'], ['600', 'UTC']]) {
        await submit('ban-add', { network: NETWORK, reason: REASON, seconds })
        await confirm('yes')
        await page.until('the ban', isThere, row('bans', NETWORK))
        const text = await page.run(selector => document.querySelector(selector).textContent, row('bans', NETWORK))
        assert(text.includes(REASON), `the reason is a text: ${text}`)
        assert(text.replace('UTC', '').includes(until), `the end of the ban: ${text}`)
        assert(await page.run(isGone, '#view img'), 'the reason is not HTML')
        await page.click(`${row('bans', NETWORK)} ${named('ban-lift')}`)
        await confirm('yes')
        await page.until('its end', isGone, row('bans', NETWORK))
    }
}

async function logOut() {
    await page.click('#log-out')
    await page.until('the form', () => document.querySelector('#token')?.checkVisibility())
    assert.equal(await page.run(() => sessionStorage.length + localStorage.length + document.cookie.length), 0, 'what is kept')
}

await logIn()
await seeTotals()
await visitEachViewByKeyboard()
await removeTorrent()
await lookUpKey()
await setAndLiftBan()
await logOut()
assert.deepEqual(page.problems, [])
await page.close()
