// The lists of allowed and of denied torrents.

import { call } from './api.js'
import { el, field, hexInput, operations, table } from './dom.js'
import { count } from './format.js'
import { addressOf } from './route.js'
import { changeButton, form, load } from './work.js'

const SHOWN = 100

function lineCount(lines) {
    const number = lines.split('\n').filter(Boolean).length
    return number === 1 ? '1 line' : `${count(number)} lines`
}

const DENIED = {
    id: 'denied',
    title: 'Denied torrents',
    add: 'Deny',
    question: ({ lines }) => ({
        title: 'Deny these torrents?',
        text: `${lineCount(lines)}. Announces of these torrents are refused until they are taken off the list.`,
        verb: 'Deny'
    }),
    search: 'GET /api/v1/denylist/search',
    addLines: 'POST /api/v1/denylist',
    removeLines: 'DELETE /api/v1/denylist',
    remove: 'DELETE /api/v1/denylist/{info_hash}',
    reload: 'GET /api/v1/denylist/reload'
}

const ALLOWED = {
    id: 'allowed',
    title: 'Allowed torrents',
    add: 'Allow',
    search: 'GET /api/v1/whitelist/search',
    addLines: 'POST /api/v1/whitelist',
    removeLines: 'DELETE /api/v1/whitelist',
    remove: 'DELETE /api/v1/whitelist/{info_hash}',
    reload: 'GET /api/v1/whitelist/reload'
}

export function show({ content, login, signal }) {
    content.append(
        el('div', { class: 'columns' }, ...(login.listed ? [ALLOWED, DENIED] : [DENIED]).map(list => section(list, login, signal))),
        login.listed ? '' : el('p', { class: 'note' }, 'Every torrent that is not denied is served: access.mode is not listed.'))
}

function section(list, login, signal) {
    const found = el('div', { class: 'content' })
    const prefix = hexInput('')
    const again = load({ signal, into: found }, () => page(list, prefix.value.trim(), login, signal, () => again()))
    return el('section', { class: 'content', 'data-testid': `list-${list.id}` },
        el('h2', {}, list.title),
        form({
            name: 'list-search',
            label: `Search the ${list.title.toLowerCase()}`,
            kind: '',
            fields: [field('Info hash, or its beginning', prefix)],
            verb: 'Search',
            work: again
        }),
        found,
        el('details', { class: 'card' }, el('summary', {}, 'Add or remove'), change(list, login, again)))
}

async function page(list, prefix, login, signal, again) {
    const { torrents, more } = await call(list.search, { query: { prefix, limit: SHOWN }, signal })
    return [
        table({
            id: list.id,
            caption: list.title,
            rows: torrents,
            keyOf: hash => hash,
            empty: prefix ? `None begins with ${prefix}` : 'The list is empty',
            columns: [
                { title: 'Info hash', kind: 'code hash', cell: hash => el('a', { href: addressOf('torrents', hash) }, hash) },
                operations(hash => remove(list, hash, login, again))
            ]
        }),
        el('p', { class: 'note' }, more ? `The first ${SHOWN} that were found; there are more.` : `${count(torrents.length)} found.`)
    ]
}

const remove = (list, hash, login, again) => changeButton(login, {
    label: 'Remove',
    name: 'list-remove',
    of: hash,
    kind: 'danger',
    title: `Remove ${hash} from the list`,
    question: {
        title: `Remove from the ${list.title.toLowerCase()}?`,
        text: `${hash} is taken off the list. An entry of the list's file stays.`,
        verb: 'Remove'
    },
    work: () => call(list.remove, { path: hash }).finally(again),
    done: () => `${hash} is removed. If it is still on the list, it is in its file.`
})

// Many at once: one info hash a line.
function change(list, login, again) {
    const lines = () => el('textarea', { name: 'lines', required: true, spellcheck: 'false', placeholder: 'One info hash a line' })
    const invalid = ({ invalid: lines, invalid_lines: numbers }) =>
        lines ? ` Lines without an info hash: ${count(lines)} (${numbers.join(', ')}).` : ''
    return el('div', { class: 'content' },
        form({
            name: 'list-add',
            label: `Add to the ${list.title.toLowerCase()}`,
            login,
            fields: [field('Add', lines())],
            verb: list.add,
            question: list.question,
            work: ({ lines }) => call(list.addLines, { lines }).finally(again),
            done: answer => `${count(answer.added)} on the list.${invalid(answer)}`
        }),
        form({
            name: 'list-remove-lines',
            label: `Remove from the ${list.title.toLowerCase()}`,
            login,
            kind: 'danger',
            fields: [field('Remove', lines())],
            verb: 'Remove',
            question: ({ lines }) => ({
                title: `Remove from the ${list.title.toLowerCase()}?`,
                text: `${lineCount(lines)}. Entries of the list's file stay.`,
                verb: 'Remove'
            }),
            work: ({ lines }) => call(list.removeLines, { lines }).finally(again),
            done: answer => `${count(answer.removed)} removed.${invalid(answer)}`
        }),
        el('div', {}, changeButton(login, {
            label: 'Reload from the file and the database',
            name: `${list.id}-reload`,
            work: () => call(list.reload).finally(again),
            done: () => 'The list has been read.'
        })))
}
