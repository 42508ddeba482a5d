// Bans of client software and networks.

import { call } from './api.js'
import { el, field, input, operations, table } from './dom.js'
import { duration, moment } from './format.js'
import { changeButton, form, load } from './work.js'

export function show({ content, route, login, signal }) {
    const list = el('div', { class: 'content' })
    const again = load({ signal, into: list }, async () => listOf(await call('GET /api/v1/bans', { signal }), login, () => again()))
    const network = input({ name: 'network', maxlength: 64, value: route.query.network })
    content.append(
        form({
            name: 'ban-add',
            label: 'Ban a network or client software',
            login,
            fields: [
                field('Network', network, '192.0.2.0/24, or an address'),
                field('or client software', input({ name: 'client', maxlength: 20 }), 'How its peer ids begin: -XL00'),
                field('Reason', el('input', { name: 'reason', maxlength: 1000 }), 'For other operators'),
                field('Seconds', input({ name: 'seconds', type: 'number', min: 1, max: 31536000 }), 'For a network; empty: until it is lifted')
            ],
            verb: 'Ban',
            question: ({ network, client, seconds }) => ({
                title: 'Ban this?',
                text: `Requests from ${[network, client].filter(Boolean).join(' and ')} are refused ${seconds ? `for ${duration(seconds)}` : 'until the ban is lifted'}.`,
                verb: 'Ban'
            }),
            work: ({ network, client, reason, seconds }) => call('POST /api/v1/bans', {
                json: { network: network || null, client: client || null, reason, seconds: Number(seconds) || null }
            }).finally(again),
            done: (_, { network, client }) => `${network || client} is banned.`
        }),
        list)
    if (route.query.network) network.focus()
}

const nameOf = ({ client, network }) => client ?? network

function listOf(bans, login, again) {
    return table({
        id: 'bans',
        caption: 'Bans',
        rows: bans,
        keyOf: nameOf,
        empty: 'Nothing is banned',
        columns: [
            { title: 'Banned', kind: 'code', cell: nameOf },
            { title: 'Kind', cell: ({ client }) => client === null ? 'network' : 'client' },
            { title: 'Reason', kind: 'text wide', cell: ({ reason }) => reason },
            { title: 'Since', cell: ({ since }) => moment(since) },
            { title: 'Until', cell: ({ until }) => until === null ? 'until lifted' : moment(until) },
            { title: 'Level', kind: 'number', cell: ({ level }) => level ?? '–' },
            operations(ban => lift(ban, login, again))
        ]
    })
}

export function lift(ban, login, again) {
    const name = nameOf(ban)
    const { client, network } = ban
    return changeButton(login, {
        label: 'Lift',
        name: 'ban-lift',
        of: name,
        kind: 'danger',
        title: `Lift the ban of ${name}`,
        question: { title: 'Lift this ban?', text: `${name} is served again.`, verb: 'Lift' },
        work: () => call('DELETE /api/v1/bans', { query: client === null ? { network } : { client } }).finally(again),
        done: () => `${name} is no longer banned.`
    })
}
