// Keys with the accounts of their users.

import { call } from './api.js'
import { el, field, input, operations, table } from './dom.js'
import { bytes, moment } from './format.js'
import { changeButton, form, load } from './work.js'

const PAGE = 50
const DAY_S = 86400

export function show({ content, login, signal }) {
    if (!login.private) {
        content.append(el('p', { class: 'note' }, 'There are no keys: access.mode is not private.'))
        return
    }
    const list = el('div', { class: 'content' })
    // Keys are credentials, which the address would leave in the browser's history.
    let place = {}
    const go = to => {
        place = to
        return again()
    }
    const again = load({ signal, into: list }, () => page(place, { login, signal, go, again: () => again() }))
    const key = () =>
        input({ name: 'key', maxlength: 32, pattern: '[0-9A-Za-z]{32}', title: '32 letters and digits' })
    content.append(
        form({
            name: 'key-search',
            label: 'Look up a key',
            kind: '',
            fields: [field('Key', key(), 'Empty: all keys')],
            verb: 'Look up',
            work: go
        }),
        form({
            name: 'key-add',
            label: 'Make or renew a key',
            login,
            fields: [
                field('New or known key', key(), 'Empty: a random one'),
                field('Valid for days', el('input', { name: 'days', type: 'number', min: 0, step: 'any' }), 'Empty: for ever')
            ],
            verb: 'Make or renew',
            question: ({ key, days }) => key && {
                title: 'Make or renew this key?',
                text: `${key} is valid ${days === '' ? 'for ever' : `for ${days} day${days === '1' ? '' : 's'}`} from now on, `
                    + 'whatever its validity was.',
                verb: 'Make or renew'
            },
            work: ({ key, days }) => call('POST /api/v1/keys', {
                json: { key: key || null, seconds_valid: days === '' ? null : Math.round(Number(days) * DAY_S) }
            }).finally(again),
            done: ({ key, valid_until: end }) => `The key ${key} is valid ${end === null ? 'for ever' : `until ${moment(end)}`}.`
        }),
        list,
        el('div', { class: 'actions' }, changeButton(login, {
            label: 'Reload from the database',
            name: 'keys-reload',
            work: () => call('GET /api/v1/keys/reload').finally(again),
            done: () => 'The stored keys have been read.'
        })))
}

async function page({ key, after }, { login, signal, go, again }) {
    const to = (label, place) => el('button', { type: 'button', 'data-focus': label, click: () => go(place) }, label)
    if (key) {
        const found = await call('GET /api/v1/key/{key_or_seconds}', { path: key, signal })
        return [listOf([found], login, again), el('p', {}, to('All keys', {}))]
    }
    // One more than shown says whether there is a next page.
    const found = await call('GET /api/v1/keys', { query: { after, limit: PAGE + 1 }, signal })
    const keys = found.slice(0, PAGE)
    return [
        listOf(keys, login, again),
        el('p', { class: 'actions' },
            after && to('First', {}),
            found.length > PAGE && to('Next', { after: keys.at(-1).key }))
    ]
}

function listOf(keys, login, again) {
    const orNever = (value, never) => value === null ? never : moment(value)
    return table({
        id: 'keys',
        caption: 'Keys',
        rows: keys,
        keyOf: ({ key }) => key,
        empty: 'No keys',
        columns: [
            { title: 'Key', kind: 'code hash', cell: ({ key }) => key },
            { title: 'Valid until', cell: ({ valid_until: end }) => orNever(end, 'for ever') },
            { title: 'Uploaded', kind: 'number', cell: ({ uploaded }) => bytes(uploaded) },
            { title: 'Downloaded', kind: 'number', cell: ({ downloaded }) => bytes(downloaded) },
            { title: 'Seeding', kind: 'number', cell: ({ seeding }) => seeding },
            { title: 'Leeching', kind: 'number', cell: ({ leeching }) => leeching },
            { title: 'Last seen', cell: ({ last_seen: seen }) => orNever(seen, 'never') },
            operations(({ key }) => buttons(key, login, again))
        ]
    })
}

function buttons(key, login, again) {
    return [
        changeButton(login, {
            label: 'Reset',
            name: 'key-reset',
            of: key,
            title: `Reset the account of ${key}`,
            question: {
                title: 'Reset this account?',
                text: `What ${key} has uploaded and downloaded is set to zero.`,
                verb: 'Reset'
            },
            work: () => call('POST /api/v1/key/{key_or_seconds}/reset', { path: key }).finally(again),
            done: () => `The account of ${key} is reset.`
        }),
        changeButton(login, {
            label: 'Remove',
            name: 'key-remove',
            of: key,
            kind: 'danger',
            title: `Remove the key ${key}`,
            question: {
                title: 'Remove this key?',
                text: `${key} and its account are removed. Its user is refused from then on.`,
                verb: 'Remove'
            },
            work: () => call('DELETE /api/v1/key/{key_or_seconds}', { path: key }).finally(again),
            done: () => `The key ${key} is removed.`
        })
    ]
}
