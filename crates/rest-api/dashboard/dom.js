// Elements. Texts only ever become text nodes: names, reasons and client software come from strangers.

export function el(name, attributes = {}, ...children) {
    return filled(document.createElement(name), attributes, children)
}

export function svg(name, attributes = {}, ...children) {
    return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children)
}

function filled(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === 'function') element.addEventListener(name, value)
        else if (value === true) element.setAttribute(name, '')
        else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value)
    }
    element.append(...children.filter(child => child !== undefined && child !== null && child !== false))
    return element
}

export const byId = id => document.getElementById(id)

// A table that scrolls by itself where it is wider than the screen; on a narrow one, each row is a paragraph of names and values,
// and the roles keep it a table. A column: title, cell (of a row), kind (number, code, text, wide, hash, actions-cell), and a label
// where the title is not a text.
export function table({ id, caption, columns, rows, keyOf, empty = 'None' }) {
    const head = el('tr', { role: 'row' }, ...columns.map(({ title, kind, sorted }) =>
        el('th', { scope: 'col', role: 'columnheader', class: kind, 'aria-sort': sorted }, title)))
    const labelOf = ({ title, label = title, kind = '' }) => typeof label === 'string' && !kind.includes('hash') && label
    const cellOf = (row, column) =>
        el('td', { role: 'cell', class: column.kind, 'data-label': labelOf(column) }, ...[column.cell(row)].flat())
    const body = rows.map(row => el('tr', { role: 'row', 'data-key': keyOf(row) }, ...columns.map(column => cellOf(row, column))))
    const none = el('tr', { role: 'row' }, el('td', { role: 'cell', colspan: columns.length, class: 'empty' }, empty))
    return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
        el('table', { role: 'table', 'data-testid': id },
            el('caption', { class: 'hidden' }, caption),
            el('thead', { role: 'rowgroup' }, head),
            el('tbody', { role: 'rowgroup' }, ...(body.length ? body : [none]))))
}

// The column of the buttons and links of a row.
export const operations = cell => ({ title: el('span', { class: 'hidden' }, 'Operations'), kind: 'actions-cell', cell })

// An input for what is no prose.
export const input = attributes => el('input', { spellcheck: 'false', autocapitalize: 'none', ...attributes })

// An input for the beginning of an info hash.
export const hexInput = value => input({ name: 'prefix', value, maxlength: 40, pattern: '[0-9a-fA-F]*', title: 'Hexadecimal digits' })

// A labelled field.
export function field(label, input, note) {
    return el('label', { class: 'field' }, el('span', {}, label), input, note && el('small', {}, note))
}

// Replaces the content of an element. The focus stays on what has the same
// `data-focus`, or goes to the heading if that is gone, and tables keep their place.
export function replace(element, ...children) {
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined
    const places = [...element.querySelectorAll('.scroll')].map(({ scrollLeft, scrollTop }) => [scrollLeft, scrollTop])
    element.replaceChildren(...children)
    element.querySelectorAll('.scroll').forEach((scroll, index) => {
        [scroll.scrollLeft, scroll.scrollTop] = places[index] ?? [0, 0]
    })
    if (focused) (element.querySelector(`[data-focus="${CSS.escape(focused)}"]`) ?? byId('view-title')).focus({ preventScroll: true })
}

// Shows the result of an operation.
export function report(kind, text) {
    const result = byId('result')
    result.dataset.kind = kind
    const close = el('button', { class: 'quiet', 'aria-label': 'Dismiss', click: () => result.replaceChildren() }, '×')
    result.replaceChildren(el('span', {}, text), close)
}

export const clearReport = () => byId('result').replaceChildren()

// Asks before a change. Returns whether to do it.
export function confirmed({ title, text, verb }) {
    const dialog = byId('confirm')
    byId('confirm-title').textContent = title
    byId('confirm-text').textContent = text
    byId('confirm-yes').textContent = verb
    dialog.showModal()
    // What destroys nothing is the choice of whoever presses Enter without reading.
    byId('confirm-no').focus()
    // The event `close` may arrive when the next question is already open.
    return new Promise(resolve => {
        const listeners = new AbortController()
        const answer = (button, event, agreed) => button.addEventListener(event, () => {
            listeners.abort()
            dialog.close()
            resolve(agreed)
        }, { signal: listeners.signal })
        answer(byId('confirm-yes'), 'click', true)
        answer(byId('confirm-no'), 'click', false)
        answer(dialog, 'cancel', false)
    })
}
