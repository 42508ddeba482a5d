// The management API: the token, requests, and the stream of events.
//
// The token is in sessionStorage: it belongs to this tab, survives a reload of the page (which operators do when in doubt), and is
// forgotten with the tab. No cookie is set, so that no other page can use it. Addresses are relative, so that the dashboard
// also works below a path of a proxy.

import { eventParser } from './sse.js'

const STORED_AS = 'ringtrack-token'
// An event comes each second. After this silence the connection counts as lost.
const SILENCE_MS_MAX = 6000
const RETRY_MS = [1000, 2000, 4000, 8000, 15000]

let token = sessionStorage.getItem(STORED_AS)
let refused = () => {}

export const hasToken = () => token !== null

export function useToken(text) {
    token = text
    sessionStorage.setItem(STORED_AS, text)
}

export function forgetToken() {
    token = null
    sessionStorage.removeItem(STORED_AS)
}

// Sets what happens when the token is not accepted any more. It is not tried again: wrong tokens are limited.
export function onRefusal(act) {
    refused = act
}

// Returns what the API says of an error: the reason of a refusal, or the text as it is.
export function reasonOf(text) {
    try {
        return JSON.parse(text).reason ?? text
    } catch {
        return text
    }
}

// Sends a request. `operation` is its method and its path as in openapi.json, with at most one parameter.
export async function call(operation, options = {}) {
    const response = await send(operation, options)
    const type = response.headers.get('content-type') ?? ''
    if (type.startsWith('application/json')) return response.json()
    const text = await response.text()
    return type.startsWith('application/x-ndjson') ? text.split('\n').filter(Boolean).map(line => JSON.parse(line)) : text
}

async function send(operation, { path = '', query = {}, json, lines, signal }) {
    const [method, pattern] = operation.split(' ')
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
    const address = pattern.slice(1).replace(/\{\w+\}/, encodeURIComponent(path))
        + (given.length ? `?${new URLSearchParams(given)}` : '')
    const headers = { Authorization: `Bearer ${token}` }
    if (json !== undefined) headers['Content-Type'] = 'application/json'
    if (lines !== undefined) headers['Content-Type'] = 'text/plain'
    const body = json === undefined ? lines : JSON.stringify(json)
    const response = await fetch(address, { method, headers, body, signal, cache: 'no-store', credentials: 'omit' })
        .catch(error => {
            throw error instanceof TypeError ? new Error(`The management API does not answer: ${error.message}`) : error
        })
    if (response.ok) return response
    const text = await response.text()
    if (response.status === 500 && /reason: "(unauthorized|token not valid)"/.test(text)) refused(text)
    throw new Error(reasonOf(text) || `status ${response.status}`)
}

// Reads the stream of events until `signal`, and again after each interruption.
export async function watchEvents({ onEvent, onState, signal }) {
    onState('connecting')
    for (let failures = 0; !signal.aborted;) {
        try {
            await readEvents(signal, event => {
                failures = 0
                onState('live')
                onEvent(event)
            })
        } catch {
            // An interruption; the next attempt shows whether it lasts.
        }
        if (signal.aborted) return
        onState('interrupted')
        const pause = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]
        failures += 1
        await new Promise(resolve => setTimeout(resolve, pause))
    }
}

async function readEvents(signal, onEvent) {
    const stalled = new AbortController()
    let timer
    const expect = () => {
        clearTimeout(timer)
        timer = setTimeout(() => stalled.abort(), SILENCE_MS_MAX)
    }
    try {
        expect()
        const stop = AbortSignal.any([signal, stalled.signal])
        const response = await send('GET /api/v1/events', { signal: stop })
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
        const parse = eventParser()
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
            expect()
            parse(piece.value).forEach(data => onEvent(JSON.parse(data)))
        }
    } finally {
        clearTimeout(timer)
    }
}
