// Makes the pictures of the documentation, after minutes of load.
//
// Usage: node pictures.mjs STATE STATISTICS DASHBOARD TOKEN FOLDER
//
// STATISTICS and DASHBOARD are the origins of the pages.

import { mkdirSync } from 'node:fs'

import { open } from './chromium.mjs'

const [state, statistics, dashboard, token, folder] = process.argv.slice(2)
const LOAD_MS = 240_000
mkdirSync(folder, { recursive: true })

const overview = await open(`${state}-dashboard`, dashboard)
await overview.show(1280, 'dark')
await overview.go('/')
await overview.run(token => { document.querySelector('#token').value = token }, token)
await overview.click('#log-in')
await new Promise(resolve => setTimeout(resolve, LOAD_MS))
await overview.picture(`${folder}/dashboard.png`)
await overview.close()

const page = await open(`${state}-statistics`, statistics)
await page.show(1280, 'light')
await page.go('/stats')
await page.picture(`${folder}/statistics.png`)
await page.close()
