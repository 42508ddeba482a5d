// Log in and out, the event stream, and which view is shown.

import { call, forgetToken, hasToken, onRefusal, reasonOf, useToken, watchEvents } from './api.js'
import { byId, clearReport, el } from './dom.js'
import { history } from './figures.js'
import { moment } from './format.js'
import { addressOf, parseRoute } from './route.js'
import { VIEWS } from './views.js'

const STATES = {
    live: () => 'Live',
    connecting: () => 'Connecting',
    interrupted: () => `Interrupted at ${moment(Date.now() / 1000).slice(11)}`
}

// What belongs to a token: aborted at log out.
let login = null
// What belongs to the view that is shown: aborted when another one is.
let shown = null

async function begin() {
    const ends = new AbortController()
    const rights = await call('GET /api/v1/token', { signal: ends.signal })
    login = {
        ...rights,
        mayChange: rights.rights === 'full',
        history: history(),
        latest: null,
        events: new EventTarget(),
        ends
    }
    clearReport()
    byId('login-page').hidden = true
    byId('app').hidden = false
    byId('version').textContent = rights.version
    byId('rights').textContent = login.mayChange ? rights.token : `${rights.token} · read-only`
    byId('rights').title = login.mayChange ? 'The label of your token' : 'This token shows everything and changes nothing'
    watchEvents({ onEvent: note, onState: showState, signal: ends.signal })
    showView()
}

function note(event) {
    login.history.add(event)
    login.latest = event
    login.events.dispatchEvent(new Event('figures'))
}

function showState(state) {
    const connection = byId('connection')
    if (connection.dataset.state === state) return
    connection.dataset.state = state
    connection.textContent = STATES[state]()
}

function end(reason = '') {
    login?.ends.abort()
    shown?.abort()
    login = shown = null
    forgetToken()
    clearReport()
    byId('confirm-no').click()
    byId('view').replaceChildren()
    byId('app').hidden = true
    byId('login-page').hidden = false
    document.title = 'Ringtrack'
    byId('login-error').textContent = reason
    byId('token').value = ''
    byId('token').focus()
}

function showTabs(current) {
    byId('tabs').replaceChildren(...VIEWS.map(({ name, title }) => el('a', {
        href: addressOf(name),
        'data-testid': `tab-${name}`,
        'aria-current': name === current ? 'page' : undefined
    }, title)))
    byId('tabs').querySelector('[aria-current]').scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

function showView() {
    if (!login) return
    const route = parseRoute(location.hash)
    const view = VIEWS.find(({ name }) => name === route.view) ?? VIEWS[0]
    const isFirst = shown === null
    shown?.abort()
    shown = new AbortController()
    showTabs(view.name)
    document.title = `${view.title} · Ringtrack`
    const root = byId('view')
    const title = el('h1', { id: 'view-title', tabindex: -1 }, view.title)
    const content = el('div', { class: 'content' })
    root.dataset.view = view.name
    root.replaceChildren(title, content)
    if (!isFirst) clearReport()
    title.focus({ preventScroll: !isFirst })
    view.show({ content, route, login, signal: shown.signal })
}

async function logIn() {
    byId('log-in').disabled = true
    byId('login-error').textContent = ''
    try {
        await begin()
    } catch (error) {
        // The refusal of a token has ended the login, with the answer as it is.
        if (hasToken()) end(error.message)
    } finally {
        byId('log-in').disabled = false
    }
}

byId('login').addEventListener('submit', event => {
    event.preventDefault()
    useToken(byId('token').value.trim())
    logIn()
})
byId('log-out').addEventListener('click', () => end())
byId('skip').addEventListener('click', event => {
    event.preventDefault()
    byId('view-title').focus()
})
addEventListener('hashchange', showView)
onRefusal(text => end(reasonOf(text)))

if (hasToken()) logIn()
else end()
