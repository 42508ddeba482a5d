// Torrents that have peers: in an order, page by page, or those whose info hashes begin with some digits; and one with its peers.

import { call } from './api.js'
import { el, field, hexInput, operations, table } from './dom.js'
import { bytes, count, duration } from './format.js'
import { addressOf } from './route.js'
import { changeButton, form, load } from './work.js'

const PAGE = 50
const SEARCH = 100
const PEERS_SHOWN = 200
const ORDERS = { info_hash: 'Info hash', seeders: 'Seeders', leechers: 'Leechers', peers: 'Peers', completed: 'Completed' }

export function show(context) {
    if (context.route.item) showTorrent(context)
    else showList(context)
}

function showList({ content, route, login, signal }) {
    const { prefix = '', order = 'peers' } = route.query
    const offset = Number(route.query.offset ?? 0)
    const found = el('div', { class: 'content' })
    content.append(
        form({
            name: 'torrent-search',
            label: 'Search for torrents',
            fields: [field('Info hash, or its beginning', hexInput(prefix))],
            verb: 'Search',
            work: ({ prefix }) => {
                location.hash = addressOf('torrents', '', { prefix })
            }
        }),
        found)
    const rows = (torrents, caption, order) => listOf(torrents, caption, order, login, () => again())
    const again = load({ signal, into: found }, () => prefix ? searched(prefix, signal, rows) : page(order, offset, signal, rows))
}

async function searched(prefix, signal, rows) {
    const torrents = await call('GET /api/v1/torrents/search', { query: { prefix, limit: SEARCH }, signal })
    const what = torrents.length === SEARCH ? `The first ${SEARCH} that begin` : `${count(torrents.length)} that begin`
    return [
        rows(torrents, `Torrents that begin with ${prefix}`, 'info_hash'),
        el('p', { class: 'actions' }, el('span', { class: 'grow' }, `${what} with ${prefix}`),
            el('a', { class: 'button', href: addressOf('torrents') }, 'All torrents'))
    ]
}

async function page(order, offset, signal, rows) {
    const { total, torrents } = await call('GET /api/v1/torrents/sorted', { query: { order, offset, limit: PAGE }, signal })
    const to = place => addressOf('torrents', '', { order, offset: place })
    const last = offset + torrents.length
    const link = (isThere, place, text) => isThere && el('a', { class: 'button', href: to(place) }, text)
    return [
        rows(torrents, `Torrents by ${ORDERS[order] ?? order}`, order),
        el('p', { class: 'actions' },
            el('span', { class: 'grow' }, `${torrents.length ? `${count(offset + 1)} to ${count(last)} of ` : ''}${count(total)}`),
            link(offset > 0, 0, 'First'),
            link(offset > 0, Math.max(0, offset - PAGE), 'Previous'),
            link(last < total && torrents.length > 0, last, 'Next'))
    ]
}

function listOf(torrents, caption, order, login, again) {
    // The headings are links to the orders.
    const column = (name, kind, cell, direction = 'descending') => ({
        title: el('a', { href: addressOf('torrents', '', { order: name }), 'data-testid': `order-${name}` },
            name === order ? `${ORDERS[name]} ${direction === 'descending' ? '▾' : '▴'}` : ORDERS[name]),
        label: ORDERS[name],
        kind,
        cell,
        sorted: name === order ? direction : undefined
    })
    const number = (name, value) => column(name, 'number', torrent => count(value(torrent)))
    return table({
        id: 'torrents',
        caption,
        rows: torrents,
        keyOf: ({ info_hash: hash }) => hash,
        empty: 'No torrents',
        columns: [
            column('info_hash', 'code hash wide', ({ info_hash: hash }) =>
                el('a', { href: addressOf('torrents', hash) }, hash), 'ascending'),
            number('peers', ({ seeders, leechers }) => seeders + leechers),
            number('seeders', ({ seeders }) => seeders),
            number('leechers', ({ leechers }) => leechers),
            number('completed', ({ completed }) => completed),
            operations(({ info_hash: hash }) => removeButton(login, { hash, label: 'Remove', again }))
        ]
    })
}

const removeButton = (login, { hash, label, again }) => changeButton(login, {
    label,
    name: 'torrent-remove',
    of: hash,
    kind: 'danger',
    title: `Remove all peers of ${hash}`,
    question: {
        title: 'Remove this torrent?',
        text: `All peers of ${hash} are removed. Clients that still have it come back with their next announce.`,
        verb: 'Remove'
    },
    work: () => call('DELETE /api/v1/torrent/{info_hash}', { path: hash }).finally(again),
    done: () => `The peers of ${hash} are removed.`
})

function showTorrent({ content, route, login, signal }) {
    const hash = route.item
    const details = el('div', { class: 'content' })
    const again = load({ signal, into: details }, () => torrentOf(hash, signal))
    content.append(
        el('div', { class: 'actions' },
            el('h2', { class: 'code grow' }, hash),
            el('button', { class: 'quiet', click: again }, 'Refresh'),
            removeButton(login, { hash, label: 'Remove its peers', again }),
            changeButton(login, {
                label: 'Deny',
                name: 'torrent-deny',
                kind: 'danger',
                question: {
                    title: 'Deny this torrent?',
                    text: `${hash} is put on the deny list: announces of it are refused until it is taken off.`,
                    verb: 'Deny'
                },
                work: () => call('POST /api/v1/denylist/{info_hash}', { path: hash }),
                done: () => `${hash} is denied.`
            }),
            login.listed && changeButton(login, {
                label: 'Allow',
                name: 'torrent-allow',
                work: () => call('POST /api/v1/whitelist/{info_hash}', { path: hash }),
                done: () => `${hash} is allowed.`
            })),
        details,
        el('p', {}, el('a', { href: addressOf('torrents') }, 'All torrents')))
}

async function torrentOf(hash, signal) {
    const torrent = await call('GET /api/v1/torrent/{info_hash}', { path: hash, signal })
    // The API says that a torrent is not known with a text.
    if (typeof torrent === 'string') return el('p', { class: 'card' }, torrent)
    const { seeders, leechers, completed, peers } = torrent
    const shown = el('div')
    const showFirst = number => shown.replaceChildren(
        peersOf(peers.slice(0, number)),
        number < peers.length ? el('button', { click: () => showFirst(peers.length) }, `Show all ${count(peers.length)} peers`) : '')
    showFirst(PEERS_SHOWN)
    const pair = (title, value) => el('div', { class: 'card' }, el('dt', {}, title), el('dd', {}, count(value)))
    return [
        el('dl', { class: 'tiles' }, pair('Seeders', seeders), pair('Leechers', leechers), pair('Completed', completed)),
        shown
    ]
}

function peersOf(peers) {
    // Without details of peers, the tracker knows of each only its address and whether it seeds.
    const hasDetails = peers.some(({ peer_id: { id } }) => !/^0x0*$/.test(id))
    const details = [
        { title: 'Client', kind: 'text wide', cell: ({ peer_id: { client, id } }) => client ?? el('code', {}, id) },
        { title: 'Uploaded', kind: 'number', cell: ({ uploaded }) => bytes(uploaded) },
        { title: 'Downloaded', kind: 'number', cell: ({ downloaded }) => bytes(downloaded) },
        { title: 'Left', kind: 'number', cell: ({ left }) => bytes(left) },
        { title: 'Event', cell: ({ event }) => event }
    ]
    return table({
        id: 'torrent-peers',
        caption: 'Peers',
        rows: peers,
        keyOf: ({ peer_addr: address }) => address,
        empty: 'No peers',
        columns: [
            { title: 'Address', kind: 'code', cell: ({ peer_addr: address }) => address },
            { title: 'Status', cell: ({ left }) => left === 0 ? 'seeder' : 'leecher' },
            { title: 'Announced', kind: 'number', cell: ({ updated_milliseconds_ago: ms }) => `${duration(ms / 1000)} ago` },
            ...(hasDetails ? details : []),
            operations(({ peer_addr: address }) => el('a', {
                href: addressOf('bans', '', { network: hostOf(address) }), 'aria-label': `Ban ${hostOf(address)}`
            }, 'Ban…'))
        ]
    })
}

// 192.0.2.1:6881 and [2001:db8::1]:6881 without their ports.
export const hostOf = address => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
