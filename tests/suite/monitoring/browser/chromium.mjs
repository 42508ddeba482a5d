// A page in a headless Chromium, driven by the Chrome DevTools Protocol over a pipe.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'

const axe = readFileSync(new URL('../../../../target/test-clients/node/node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

export const WIDTHS = [360, 1280]
export const SCHEMES = ['dark', 'light']
const HEIGHT = 900

// How long a condition may take to hold, on a busy machine.
export const PATIENCE_MS = 20_000
export const PAUSE_MS = 50

// How long a script may take, pictures included.
const SCRIPT_MS = 300_000

// Opens a page that belongs to `origin`; STATE is the folder of the browser's profile.
export async function open(state, origin) {
    const browser = spawn('chromium-headless-shell', [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--hide-scrollbars',
        // It ends when this pipe is closed, that is, with this process.
        '--remote-debugging-pipe',
        `--user-data-dir=${state}`
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: state } })
    const page = new Page(browser, origin)
    // Chromium may not answer at all.
    const deadline = setTimeout(() => {
        console.error('timed out; problems of the page so far:', page.problems)
        process.exit(1)
    }, SCRIPT_MS)
    browser.once('exit', () => clearTimeout(deadline))
    await page.attach()
    return page
}

class Page {
    #browser
    #origin
    #session
    #number = 0
    #unread = ''
    #waiting = new Map()
    #loaded = () => {}
    // Errors on the console, failed loads, and requests to other origins.
    problems = []

    constructor(browser, origin) {
        this.#browser = browser
        this.#origin = origin
        browser.stdio[4].setEncoding('utf8').on('data', piece => this.#read(piece))
    }

    async attach() {
        const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
        this.#session = (await this.send('Target.attachToTarget', { targetId, flatten: true })).sessionId
        for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.send(`${domain}.enable`)
    }

    // Sends a command and returns its result.
    send(method, params = {}) {
        this.#number += 1
        const sent = Promise.withResolvers()
        this.#waiting.set(this.#number, sent)
        this.#browser.stdio[3].write(`${JSON.stringify({ id: this.#number, method, params, sessionId: this.#session })}\0`)
        return sent.promise
    }

    // Messages end with a NUL.
    #read(piece) {
        const messages = (this.#unread + piece).split('\0')
        this.#unread = messages.pop()
        messages.forEach(message => this.#take(JSON.parse(message)))
    }

    #take({ id, method, params, result, error }) {
        if (id === undefined) return this.#note(method, params)
        const { resolve, reject } = this.#waiting.get(id)
        this.#waiting.delete(id)
        error ? reject(new Error(error.message)) : resolve(result)
    }

    #note(event, params) {
        if (event === 'Page.loadEventFired') this.#loaded()
        const problem = {
            'Runtime.consoleAPICalled': ({ type, args }) =>
                ['error', 'warning', 'assert'].includes(type) && args.map(({ value, description }) => value ?? description).join(' '),
            'Runtime.exceptionThrown': ({ exceptionDetails: { text, exception } }) => exception?.description ?? text,
            'Log.entryAdded': ({ entry: { level, text, url } }) => level === 'error' && `${text} ${url}`,
            'Network.requestWillBeSent': ({ request: { url } }) =>
                !url.startsWith(`${this.#origin}/`) && !url.startsWith('data:') && `a request to ${url}`
        }[event]?.(params)
        if (problem) this.problems.push(problem)
    }

    async go(path) {
        const { promise, resolve } = Promise.withResolvers()
        this.#loaded = resolve
        await this.send('Page.navigate', { url: this.#origin + path })
        await promise
    }

    // Calls a function in the page with these arguments, and returns its result.
    async run(act, ...values) {
        const expression = `(${act})(...${JSON.stringify(values)})`
        const { result, exceptionDetails: failure } =
            await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
        if (failure) throw new Error(failure.exception?.description ?? failure.text)
        return result.value
    }

    // Waits until a function returns something true in the page, and returns that.
    async until(what, look, ...values) {
        const deadline = Date.now() + PATIENCE_MS
        for (;;) {
            const found = await this.run(look, ...values)
            if (found) return found
            assert(Date.now() < deadline, `timed out waiting for ${what}: ${await this.text()}`)
            await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
        }
    }

    text() {
        return this.run(() => document.body.innerText)
    }

    // Waits for an element, and clicks on it. Returns once the page has drawn what follows: people are never faster.
    click(selector) {
        return this.until(selector, async selector => {
            const element = document.querySelector(selector)
            if (!element || element.disabled) return false
            element.click()
            await new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))
            return true
        }, selector)
    }

    // Presses and releases a key, with the text that it enters, if any.
    async press(key, code, text) {
        for (const type of ['keyDown', 'keyUp']) {
            await this.send('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode: code, text })
        }
    }

    async show(width, scheme) {
        await this.send('Emulation.setDeviceMetricsOverride', { width, height: HEIGHT, deviceScaleFactor: 1, mobile: width < 600 })
        // Colors that change slowly would be measured on their way.
        const features = { 'prefers-color-scheme': scheme, 'prefers-reduced-motion': 'reduce' }
        await this.send('Emulation.setEmulatedMedia',
            { features: Object.entries(features).map(([name, value]) => ({ name, value })) })
    }

    // Asserts that the page fits into its width and follows the color scheme, in each of both, and that it is accessible: on a
    // narrow screen in each scheme, and on a wide one in the first if that `isWideToo`.
    async assertGood(what, isWideToo = false) {
        await this.run(`function () { ${axe} }`)
        const backgrounds = new Set()
        for (const [width, scheme] of WIDTHS.flatMap(width => SCHEMES.map(scheme => [width, scheme]))) {
            const place = `${what}, ${scheme}, ${width} px wide`
            await this.show(width, scheme)
            const { wide, background } = await this.run(() => ({
                wide: document.documentElement.scrollWidth,
                background: getComputedStyle(document.body).backgroundColor + getComputedStyle(document.documentElement).backgroundColor
            }))
            assert(wide <= width, `${place}: it is ${wide} px wide`)
            backgrounds.add(background)
            const isChecked = width === WIDTHS[0] || isWideToo && scheme === SCHEMES[0]
            if (isChecked) assert.deepEqual(await this.violations(), [], place)
        }
        assert.equal(backgrounds.size, SCHEMES.length, `${what}: dark and light have their backgrounds`)
    }

    // What axe finds: rules, with the elements that violate them.
    violations() {
        return this.run(async () => {
            const { violations } = await window.axe.run(document)
            return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target, any, all }) =>
                `${target} ${[...any, ...all].map(({ message }) => message)}`).join('; ')}`)
        })
    }

    // Writes a picture of the whole page.
    async picture(file) {
        const { cssContentSize } = await this.send('Page.getLayoutMetrics')
        const { data } = await this.send('Page.captureScreenshot',
            { format: 'png', captureBeyondViewport: true, clip: { ...cssContentSize, scale: 1 } })
        writeFileSync(file, Buffer.from(data, 'base64'))
    }

    async close() {
        const ended = once(this.#browser, 'exit')
        this.#browser.stdio[3].end()
        await ended
    }
}
