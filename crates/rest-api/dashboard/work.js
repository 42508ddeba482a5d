// What views do: load, load again each few seconds, and carry out operations.

import { confirmed, el, replace, report } from './dom.js'

// Shows what `fetch` returns in `into`, at once and, with `each`, every that many seconds while the page is seen. Returns a function
// that does it once more.
export function load({ signal, each, into }, fetch) {
    let [turn, pending] = [0, 0]
    const once = async () => {
        const own = turn += 1
        pending += 1
        try {
            const shown = await fetch()
            // A later turn may have been faster.
            if (!signal.aborted && own === turn) replace(into, ...[shown].flat())
        } catch (error) {
            // The same error is not reported again and again.
            const isShown = into.querySelector(':scope > .error')?.textContent === error.message
            if (!signal.aborted && own === turn && !isShown) replace(into, el('p', { class: 'error', role: 'alert' }, error.message))
        }
        pending -= 1
        into.setAttribute('aria-busy', 'false')
    }
    into.setAttribute('aria-busy', 'true')
    once()
    if (each) {
        const timer = setInterval(() => document.hidden || pending || once(), each * 1000)
        signal.addEventListener('abort', () => clearInterval(timer))
    }
    return once
}

// A button that changes something. It asks first where there is a question, and reports the result or the error as it is.
export function changeButton(login, { label, name, of = '', kind = '', question, work, done, title }) {
    const button = el('button', {
        type: 'button',
        class: kind,
        'data-testid': name,
        'data-focus': `${name} ${of}`,
        'aria-label': title,
        disabled: !login.mayChange,
        title: login.mayChange ? title : 'This token is read-only',
        click: () => carryOut(button, { question, work, done })
    }, label)
    return button
}

// A form that changes something, or searches.
export function form({ name, label, login, fields, verb, kind = 'primary', question, work, done }) {
    const button = el('button', { class: kind, disabled: login && !login.mayChange }, verb)
    const element = el('form', { class: 'row', 'data-testid': name, 'aria-label': label, submit: async event => {
        event.preventDefault()
        const values = Object.fromEntries([...new FormData(element)].map(([name, value]) => [name, value.trim()]))
        const result = await carryOut(button, {
            question: question?.(values),
            work: () => work(values),
            done: done && (answer => done(answer, values))
        })
        if (result && login) element.reset()
    } }, ...fields, button)
    return element
}

// Returns whether it was done.
async function carryOut(button, { question, work, done }) {
    if (button.ariaDisabled === 'true') return false
    if (question && !await confirmed(question)) return false
    // A button that is really disabled would lose the focus.
    button.ariaDisabled = 'true'
    try {
        const answer = await work()
        if (done) report('done', done(answer))
        return true
    } catch (error) {
        if (error.name !== 'AbortError') report('failed', error.message)
        return false
    } finally {
        button.ariaDisabled = null
    }
}
