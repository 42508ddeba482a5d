// The upstream trackers to which torrents are announced.

import { call } from './api.js'
import { el, field, input, operations, table } from './dom.js'
import { count, duration } from './format.js'
import { changeButton, form, load } from './work.js'

const EACH_S = 3
const STATES = { active: 'good', paused: 'warn', failing: 'bad', suspended: '' }

export function show({ content, login, signal }) {
    if (!login.forwarding) {
        content.append(el('p', { class: 'note' }, 'Nothing is forwarded: forwarding.file names no list of upstream trackers.'))
        return
    }
    const list = el('div', { class: 'content' })
    const again = load({ signal, each: EACH_S, into: list }, async () =>
        listOf(await call('GET /api/v1/forwarders', { signal }), login, () => again()))
    content.append(list, el('details', { class: 'card' }, el('summary', {}, 'Add an upstream tracker'), form({
        name: 'upstream-add',
        label: 'Add an upstream tracker',
        login,
        fields: [
            field('URI', input({ name: 'uri', required: true }), 'udp://tracker.example.org:6969; a passkey in it is not shown again'),
            field('Name', input({ name: 'name' }), 'Empty: scheme, host and port'),
            field('Address to announce', input({ name: 'ip' }), 'Empty: that of this host'),
            field('HTTP header Host', input({ name: 'host' }), 'Empty: the host of the URI')
        ],
        verb: 'Add',
        work: ({ uri, name, ip, host }) =>
            call('POST /api/v1/forwarders', { json: { uri, name: name || null, ip: ip || null, host: host || null } }).finally(again),
        done: () => 'The upstream tracker is added until the tracker stops. Add it to the file to keep it.'
    })))
}

function listOf(upstreams, login, again) {
    const number = (title, value) => ({ title, kind: 'number', cell: upstream => count(value(upstream)) })
    return table({
        id: 'upstreams',
        caption: 'Upstream trackers',
        rows: upstreams,
        keyOf: ({ name }) => name,
        empty: 'No upstream trackers',
        columns: [
            { title: 'Name', kind: 'text', cell: nameOf },
            { title: 'State', cell: stateOf },
            number('Torrents', ({ torrents }) => torrents),
            number('Waiting', ({ waiting }) => waiting),
            number('Answered', ({ announces }) => announces.answered ?? 0),
            { title: 'Failed', kind: 'number', cell: ({ announces }) => failedOf(announces) },
            number('Put off', ({ shed }) => shed),
            number('Peers', ({ peers }) => peers),
            { title: 'Latency', kind: 'number', cell: ({ latency_ms: ms }) => ms === null ? '–' : `${ms.toFixed(0)} ms` },
            { title: 'Interval', kind: 'number', cell: ({ interval_s: s }) => s === null ? '–' : duration(s) },
            { title: 'Last failure', kind: 'text wide', cell: ({ last_failure: failure }) => failure ?? '–' },
            operations(upstream => buttons(upstream, login, again))
        ]
    })
}

// A second line of a cell.
const below = text => el('small', { class: 'below' }, ` ${text}`)

const nameOf = ({ name, origin }) => [name, name !== origin && below(origin)]

const stateOf = ({ state, retry_in_s: retry }) =>
    [el('span', { class: STATES[state] }, state), retry !== null && below(`again in ${duration(retry)}`)]

function failedOf(announces) {
    const failures = Object.entries(announces).filter(([outcome, number]) => outcome !== 'answered' && number > 0)
    const sum = failures.reduce((sum, [, number]) => sum + number, 0)
    return el('span', { title: failures.map(([outcome, number]) => `${outcome}: ${count(number)}`).join('\n') }, count(sum))
}

function buttons({ name, state }, login, again) {
    const query = { name }
    const isSuspended = state === 'suspended'
    const resume = (state !== 'active') && changeButton(login, {
        label: 'Resume',
        name: 'upstream-resume',
        of: name,
        title: `Resume ${name}`,
        work: () => call('POST /api/v1/forwarders/resume', { query }).finally(again),
        done: () => `${name} is announced to again.`
    })
    const suspend = !isSuspended && changeButton(login, {
        label: 'Suspend',
        name: 'upstream-suspend',
        of: name,
        title: `Suspend ${name}`,
        question: {
            title: 'Suspend this upstream tracker?',
            text: `Nothing is announced to ${name} until it is resumed.`,
            verb: 'Suspend'
        },
        work: () => call('POST /api/v1/forwarders/suspend', { query }).finally(again),
        done: () => `${name} is suspended.`
    })
    return [resume, suspend, changeButton(login, {
        label: 'Remove',
        name: 'upstream-remove',
        of: name,
        kind: 'danger',
        title: `Remove ${name}`,
        question: {
            title: 'Remove this upstream tracker?',
            text: `Nothing is announced to ${name} from then on. One of the file is added again by the next reload.`,
            verb: 'Remove'
        },
        work: () => call('DELETE /api/v1/forwarders', { query }).finally(again),
        done: () => `${name} is removed.`
    })]
}
