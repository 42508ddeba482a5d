// Looks at the statistics page in Chromium.
//
// Usage: node statistics.mjs STATE ORIGIN TOTALS
//
// TOTALS are members of the object in /stats.json, and their values.

import assert from 'node:assert/strict'

import { open, PATIENCE_MS, PAUSE_MS } from './chromium.mjs'

const [state, origin, expected] = process.argv.slice(2)
const totals = JSON.parse(expected)

// Waits for a snapshot with the totals; one comes each second.
async function waitForTotals() {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
        const answer = await fetch(`${origin}/stats`, { headers: { accept: 'application/json' } })
        const shown = answer.ok ? await answer.json() : {}
        if (Object.entries(totals).every(([name, total]) => shown[name] === total)) return
        assert(Date.now() < deadline, JSON.stringify(shown))
        await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
}

await waitForTotals()
const page = await open(state, origin)
await page.go('/stats')
assert.equal(await page.run(() => document.scripts.length), 0, 'scripts')
const numbers = (await page.text()).replaceAll(/[\s,.\u2009\u202f]/g, '')
for (const name of ['torrents', 'peersAll', 'peersSeederOnly', 'peersLeecherOnly', 'peersIPv4', 'peersIPv6']) {
    assert(numbers.includes(totals[name]), `${name}, ${totals[name]}: ${await page.text()}`)
}
await page.assertGood('the statistics page', true)
assert.deepEqual(page.problems, [])
await page.close()
