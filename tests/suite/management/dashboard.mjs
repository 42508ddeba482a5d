// Tests of the dashboard's logic, as far as it needs no page.
//
// Usage: node --test dashboard.mjs

import assert from 'node:assert/strict'
import { test } from 'node:test'

globalThis.sessionStorage = { getItem: () => null }
const from = name => import(new URL(`../../../crates/rest-api/dashboard/${name}.js`, import.meta.url))
const [{ reasonOf }, { pathOf }, { fitting, reloadedText, rowsOf }, { adder, history, SECONDS_SHOWN }, format, { problemsOf },
    { addressOf, parseRoute }, { eventParser }, { hostOf }] = await Promise.all(
    ['api', 'chart', 'config', 'figures', 'format', 'health', 'route', 'sse', 'torrents'].map(from))

test('events are the same however the stream is cut', () => {
    const stream = 'event: statistics\ndata: {"a":1}\n\n: comment\n\ndata: {"b":\ndata: 2}\n\n'
    for (let length = 1; length <= stream.length; length += 1) {
        const parse = eventParser()
        const events = []
        for (let at = 0; at < stream.length; at += length) events.push(...parse(stream.slice(at, at + length)))
        assert.deepEqual(events, ['{"a":1}', '{"b":\n2}'], `pieces of ${length}`)
    }
    assert.deepEqual(eventParser()('data: not whole\n'), [])
})

test('addresses of views are read as they were written', () => {
    for (const [view, item, query] of [
        ['bans', '', { network: '2001:db8::/32' }], ['torrents', 'ab', { order: 'peers', offset: '50' }], ['lists', 'a/b?c#d%', {}]
    ]) {
        assert.deepEqual(parseRoute(addressOf(view, item, query)), { view, item, query })
    }
    assert.deepEqual(parseRoute(''), { view: '', item: '', query: {} })
    assert.equal(parseRoute('#/torrents/%zz').item, '%zz')
})

test('numbers are written for people', () => {
    for (const [write, number, expected] of [
        ['count', 1234567, '1,234,567'], ['count', 0.4, '0'],
        ['short', 0, '0'], ['short', 999, '999'], ['short', 1.234, '1.23'], ['short', 12345, '12.3k'], ['short', 4.56e6, '4.56M'],
        ['bytes', 1023, '1023 B'], ['bytes', 1536, '1.50 KiB'], ['bytes', 2 ** 60, '1024 PiB'],
        ['micros', 850, '850 µs'], ['micros', 1250, '1.25 ms'], ['micros', 2e6, '2.00 s'],
        ['duration', 45.9, '45 s'], ['duration', 180, '3 min'], ['duration', 7500, '2 h 5 min'], ['duration', 522000, '6 d 1 h'],
        ['moment', 1680009900, '2023-03-28 13:25:00 UTC'], ['moment', 1e15, '1000000000000000'],
        ['axisEnd', 0, 2], ['axisEnd', 3, 5], ['axisEnd', 5, 5], ['axisEnd', 501, 1000], ['axisEnd', -Infinity, 2]
    ]) {
        assert.equal(format[write](number), expected, `${write} of ${number}`)
    }
    assert.equal(format.axisEnd(1025, true), 2048)
})

test('a figure is added once, however many patterns it fits', () => {
    const add = adder(['udp_*', 'udp_v4_*', 'x'])
    assert.equal(add({}), 0)
    assert.equal(add({ udp_v4_received: 3, udp_v6_received: 4, http_udp_: 9, xx: 9, x: 1 }), 8)
    assert.equal(add({ udp_v4_received: 5, x: 1 }), 6)
})

test('the history has a gap where events are missing, and an end', () => {
    const charts = [
        { id: 'rates', of: 'rates_per_s', lines: [{ patterns: ['a'] }] }, { id: 'gauges', of: 'figures', lines: [{ patterns: ['g'] }] }
    ]
    const { add, times, valuesOf } = history(charts)
    add({ unix_ms: 1000, figures: { g: 7 }, rates_per_s: {} })
    add({ unix_ms: 2010, figures: { g: 8 }, rates_per_s: { a: 1 } })
    add({ unix_ms: 4990, figures: { g: 9 }, rates_per_s: { a: 2 } })
    assert.deepEqual(valuesOf('rates'), [[null, 1, null, null, 2]])
    assert.deepEqual(valuesOf('gauges'), [[7, 8, null, null, 9]])
    add({ unix_ms: 1e9, figures: { g: 10 }, rates_per_s: { a: 3 } })
    assert.deepEqual([times.length, valuesOf('gauges')[0].length, valuesOf('gauges')[0].at(-1)], [SECONDS_SHOWN, SECONDS_SHOWN, 10])
})

test('a line ends at the right and has gaps', () => {
    assert.equal(pathOf([0, 10, null, 5], 10), 'M284.75 100.00L289.83 0.00M300.00 50.00')
})

test('the configuration is searched by key and value', () => {
    const rows = rowsOf({ api: { listen: ['[::1]:1'], tokens: {} }, log: { level: 'info' } })
    assert.deepEqual(rows.map(({ key, value }) => `${key}=${value}`), ['api.listen=["[::1]:1"]', 'api.tokens={}', 'log.level="info"'])
    assert.deepEqual(fitting(rows, ' LEVEL = "INFO').map(({ key }) => key), ['log.level'])
})

test('answers are shown as they are', () => {
    assert.equal(reasonOf('{"status":"err","reason":"not known"}'), 'not known')
    assert.equal(reasonOf('Failed to deserialize'), 'Failed to deserialize')
    assert.equal(reloadedText({}), 'The files have been read.')
    assert.equal(reloadedText({ changed: ['a.b'], needs_restart: ['c.d', 'e.f'] }),
        'The files have been read.\nChanged: a.b.\nOnly a restart changes: c.d, e.f.')
})

test('problems are named', () => {
    const health = {
        listeners: [{ binding: 'a:1', result: { Ok: '200 OK' } }, { binding: 'a:2', result: { Err: 'late' } }],
        cores: [{ shard: 0, alive: true }, { shard: 1, alive: false }],
        database: { state: 'away', error: 'no route' }
    }
    assert.deepEqual(problemsOf(health), [
        'a:2 does not answer: late', 'The core of shard 1 is stuck', 'The database is away: no route'
    ])
    assert.deepEqual(problemsOf({ listeners: [], cores: [], database: { state: 'absent' } }), [])
})

test('a peer is banned by its address without the port', () => {
    assert.deepEqual(['192.0.2.1:6881', '[2001:db8::1]:6881'].map(hostOf), ['192.0.2.1', '2001:db8::1'])
})
