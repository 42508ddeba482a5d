// The sources that were refused because they were over their limits.

import { call } from './api.js'
import { lift } from './bans.js'
import { el, operations, table } from './dom.js'
import { count, moment } from './format.js'
import { addressOf } from './route.js'
import { load } from './work.js'

const EACH_S = 3

export function show({ content, login, signal }) {
    const list = el('div', { class: 'content' })
    const again = load({ signal, each: EACH_S, into: list }, async () =>
        listOf(await call('GET /api/v1/sources', { signal }), login, () => again()))
    content.append(list)
}

function listOf(sources, login, again) {
    const refused = (title, name) => ({ title, kind: 'number', cell: ({ refused }) => count(refused[name]) })
    return table({
        id: 'sources',
        caption: 'Sources over their limits',
        rows: sources,
        keyOf: ({ network }) => network,
        empty: 'No source was refused in the last hour',
        columns: [
            { title: 'Source', kind: 'code', cell: ({ network }) => network },
            { title: 'Refused/s', kind: 'number', cell: ({ refused_per_s: perS }) => count(perS) },
            refused('Requests', 'requests'),
            refused('New peers', 'new_peers'),
            refused('New torrents', 'new_torrents'),
            refused('Connections', 'connections'),
            refused('Handshakes', 'handshakes'),
            { title: 'Last refused', cell: ({ last_seen: at }) => moment(at) },
            { title: 'Banned until', cell: ({ ban }) => endOf(ban) },
            operations(source => operationOf(source, login, again))
        ]
    })
}

function endOf(ban) {
    if (ban === null) return '–'
    if (ban.is_configured) return 'configured'
    return ban.until === null ? 'until lifted' : moment(ban.until)
}

function operationOf({ network, ban }, login, again) {
    if (ban?.is_configured) return ''
    if (ban !== null) return lift({ client: null, network: ban.network }, login, again)
    return el('a', { href: addressOf('bans', '', { network }), 'aria-label': `Ban ${network}` }, 'Ban…')
}
