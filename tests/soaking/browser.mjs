// Looks at the statistics page and at the dashboard in Chromium.
//
// Usage: node browser.mjs STATE PUBLIC-ORIGIN API-ORIGIN TOKEN

import assert from 'node:assert/strict'

import { open } from '../suite/monitoring/browser/chromium.mjs'

const [state, publicOrigin, apiOrigin, token] = process.argv.slice(2)

const statistics = await open(`${state}/statistics`, publicOrigin)
await statistics.go('/stats')
assert.match(await statistics.text(), /\d/)
assert.deepEqual(statistics.problems, [])
await statistics.close()

const dashboard = await open(`${state}/dashboard`, apiOrigin)
await dashboard.go('/')
await dashboard.until('the form', () => document.querySelector('#token')?.checkVisibility())
await dashboard.run(token => { document.querySelector('#token').value = token }, token)
await dashboard.click('#log-in')
await dashboard.until('events', () => document.querySelector('#connection').dataset.state === 'live')
await dashboard.until('requests of the load', () =>
    Number(document.querySelector('[data-testid="tile-requests"]')?.dataset.value) > 0)
assert.deepEqual(dashboard.problems, [])
await dashboard.close()
