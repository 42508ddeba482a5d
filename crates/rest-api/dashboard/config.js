// The configuration in use, and its reload.

import { call } from './api.js'
import { el, field, input, table } from './dom.js'
import { changeButton, load } from './work.js'

export function show({ content, login, signal }) {
    const into = el('div', { class: 'content' })
    let rows = []
    const filter = () => into.replaceChildren(listOf(rows, search.value))
    const search = input({ type: 'search', input: filter })
    const again = load({ signal, into }, async () => {
        rows = rowsOf(await call('GET /api/v1/config', { signal }))
        return listOf(rows, search.value)
    })
    content.append(
        field('Search keys and values', search),
        into,
        el('div', { class: 'actions' }, changeButton(login, {
            label: 'Reload',
            name: 'reload',
            question: {
                title: 'Reload?',
                text: 'The files are read again, as after SIGHUP. If the tokens have changed, yours has to be among them.',
                verb: 'Reload'
            },
            work: () => call('POST /api/v1/reload').finally(again),
            done: reloadedText
        }), changeButton(login, {
            label: 'Write a snapshot',
            name: 'snapshot',
            work: () => call('POST /api/v1/snapshot'),
            done: ({ peers, bytes, seconds }) => `A snapshot of ${peers} peers was written: ${bytes} bytes in ${seconds.toFixed(1)} s.`
        })))
}

// The keys of an object of sections with their values, `section.key`.
export function rowsOf(configuration, prefix = '') {
    return Object.entries(configuration).flatMap(([name, value]) => {
        const isSection = value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0
        return isSection ? rowsOf(value, `${prefix}${name}.`) : [{ key: prefix + name, value: JSON.stringify(value) }]
    })
}

export function fitting(rows, text) {
    const wanted = text.trim().toLowerCase()
    return rows.filter(({ key, value }) => `${key} = ${value}`.toLowerCase().includes(wanted))
}

const listOf = (rows, text) => table({
    id: 'config',
    caption: 'Configuration in use',
    rows: fitting(rows, text),
    keyOf: ({ key }) => key,
    empty: 'Nothing fits',
    columns: [
        { title: 'Key', kind: 'code', cell: ({ key }) => key },
        { title: 'Value', kind: 'code text wide', cell: ({ value }) => value }
    ]
})

// What a reload has done, as far as the answer says it.
export function reloadedText({ changed = [], needs_restart: restart = [] }) {
    const parts = ['The files have been read.']
    if (changed.length) parts.push(`Changed: ${changed.join(', ')}.`)
    if (restart.length) parts.push(`Only a restart changes: ${restart.join(', ')}.`)
    return parts.join('\n')
}
