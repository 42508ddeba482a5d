// How long replies took since the start.

import { call } from './api.js'
import { el, svg, table } from './dom.js'
import { count, micros } from './format.js'
import { load } from './work.js'

const EACH_S = 5
// The picture's axis: 1 µs to 10 s, each decade as wide.
const DECADES = 7
const WIDTH = 140

export function show({ content, signal }) {
    const into = el('div', { class: 'content' })
    content.append(into, el('div', { class: 'actions' },
        el('button', { click: download }, 'Download as an HdrHistogram log')))
    load({ signal, each: EACH_S, into }, async () => listOf(await call('GET /api/v1/latency', { signal })))
}

function listOf(latencies) {
    const time = (title, name) => ({ title, kind: 'number', cell: latency => latency.count ? micros(latency[name]) : '–' })
    return table({
        id: 'latency',
        caption: 'Time of replies since the start',
        rows: latencies,
        keyOf: ({ name }) => name,
        empty: 'Nothing was measured yet',
        columns: [
            { title: 'Reply', kind: 'code', cell: ({ name }) => name },
            { title: 'Count', kind: 'number', cell: latency => count(latency.count) },
            time('50 %', 'p50_us'),
            time('90 %', 'p90_us'),
            time('99 %', 'p99_us'),
            time('99.9 %', 'p999_us'),
            time('Longest', 'max_us'),
            { title: '1 µs to 10 s', cell: spread }
        ]
    })
}

// From the median to the longest, with a mark at 99 %. The numbers beside it say the same.
function spread({ count, p50_us: p50, p99_us: p99, p999_us: p999, max_us: max }) {
    const at = us => Math.min(DECADES, Math.max(0, Math.log10(Math.max(us, 1)))) / DECADES * WIDTH
    const bar = (from, to, kind) => svg('rect', { class: kind, x: at(from), y: 3, width: Math.max(1, at(to) - at(from)), height: 6 })
    const mark = svg('rect', { class: 'mark', x: at(p99), y: 1, width: 1.5, height: 10 })
    const shown = count ? [bar(p50, max, 'faint'), bar(p50, p999), mark] : []
    return svg('svg', { class: 'spread', viewBox: `0 0 ${WIDTH} 12`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ...shown)
}

async function download() {
    const log = await call('GET /api/v1/latency.hlog')
    const address = URL.createObjectURL(new Blob([log], { type: 'text/plain' }))
    el('a', { href: address, download: 'ringtrack.hlog' }).click()
    setTimeout(() => URL.revokeObjectURL(address), 1000)
}
