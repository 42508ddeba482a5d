// What the overview shows of the figures in an event. A pattern stands for all figures that it fits; a test of rest-api checks that
// each one fits some.

export const SECONDS_SHOWN = 300
// The width of the charts at first, so that the first minute is not a dot at the edge.
const SECONDS_SHOWN_MIN = 60

export const secondsShown = values => Math.max(SECONDS_SHOWN_MIN, Math.min(SECONDS_SHOWN, values))

const line = (name, ...patterns) => ({ name, patterns })

export const CHARTS = [
    { id: 'requests', title: 'Requests', of: 'rates_per_s', unit: 'a second', lines: [
        line('UDP', 'udp_*_received'),
        line('HTTP', 'http_v4_*', 'http_v6_*'),
        line('WebSocket', 'ws_announce_*', 'ws_answer_*', 'ws_scrape_*', 'ws_busy', 'ws_ignored')
    ] },
    { id: 'announces', title: 'Announces answered', of: 'rates_per_s', unit: 'a second', lines: [
        line('UDP IPv4', 'udp_v4_announce_answered'),
        line('UDP IPv6', 'udp_v6_announce_answered'),
        line('HTTP', 'http_*_announce_answered'),
        line('WebSocket', 'ws_announce_answered')
    ] },
    { id: 'trouble', title: 'Errors and drops', of: 'rates_per_s', unit: 'a second', lines: [
        line('Errors', 'udp_*_error_*', 'http_*_refused', 'http_*_busy', 'http_*_bad_request', 'http_*_not_found', 'ws_*_refused', 'ws_busy'),
        line('Drops', 'udp_*_dropped_*', 'ws_ignored', 'ws_answer_dropped'),
        line('Peers not stored', 'peers_refused_*')
    ] },
    { id: 'peers', title: 'Peers', of: 'figures', unit: '', lines: [
        line('Seeders', 'seeders_*'),
        line('Leechers', 'leechers_*')
    ] },
    { id: 'connections', title: 'Connections', of: 'figures', unit: '', lines: [
        line('HTTP', 'http_connections_open'),
        line('of these WebSocket', 'ws_connections_open')
    ] },
    { id: 'traffic', title: 'Traffic', of: 'rates_per_s', unit: 'a second', bytes: true, lines: [
        line('Received', 'bytes_received', 'http_bytes_received'),
        line('Sent', 'bytes_sent', 'http_bytes_sent')
    ] }
]

export const TILES = [
    { id: 'torrents', title: 'Torrents', of: 'figures', patterns: ['torrents'] },
    { id: 'peers', title: 'Peers', of: 'figures', patterns: ['seeders_*', 'leechers_*'] },
    { id: 'seeders', title: 'Seeders', of: 'figures', patterns: ['seeders_*'] },
    { id: 'leechers', title: 'Leechers', of: 'figures', patterns: ['leechers_*'] },
    { id: 'requests', title: 'Requests/s', of: 'rates_per_s', patterns: CHARTS[0].lines.flatMap(({ patterns }) => patterns) },
    { id: 'announces', title: 'Announces/s', of: 'rates_per_s', patterns: CHARTS[1].lines.flatMap(({ patterns }) => patterns) },
    { id: 'completed', title: 'Completed', of: 'figures', patterns: ['completed'] },
    { id: 'memory', title: 'Memory', of: 'figures', bytes: true, patterns: ['swarm_bytes', 'access_bytes'] }
]

// Returns a function that adds up the values whose names fit any of the patterns, each once.
export function adder(patterns) {
    const fits = new RegExp(`^(${patterns.map(pattern => pattern.replaceAll('*', '.*')).join('|')})$`)
    let names
    return values => {
        // The names stay the same from event to event, but for the first, which has no rates.
        names ??= Object.keys(values).length ? Object.keys(values).filter(name => fits.test(name)) : undefined
        return (names ?? []).reduce((sum, name) => sum + (values[name] ?? 0), 0)
    }
}

// Keeps the values of the last minutes: of each line of each chart one number a second.
export function history(charts = CHARTS) {
    const adders = charts.map(({ lines }) => lines.map(({ patterns }) => adder(patterns)))
    const kept = charts.map(({ lines }) => lines.map(() => []))
    const times = []
    const push = (unixMs, valueOf) => {
        const put = (list, value) => list.push(value) > SECONDS_SHOWN && list.shift()
        put(times, unixMs)
        kept.forEach((lines, chart) => lines.forEach((values, index) => put(values, valueOf(chart, index))))
    }
    return {
        times,
        valuesOf: id => kept[charts.findIndex(chart => chart.id === id)],
        // Seconds without an event, and rates of the first event, are gaps in the lines.
        add(event) {
            const missed = Math.round((event.unix_ms - (times.at(-1) ?? event.unix_ms)) / 1000) - 1
            for (let gaps = Math.min(missed, SECONDS_SHOWN); gaps > 0; gaps -= 1) push(event.unix_ms - gaps * 1000, () => null)
            const hasRates = Object.keys(event.rates_per_s).length > 0
            push(event.unix_ms, (chart, index) => {
                const { of } = charts[chart]
                return of === 'rates_per_s' && !hasRates ? null : adders[chart][index](event[of])
            })
        }
    }
}
