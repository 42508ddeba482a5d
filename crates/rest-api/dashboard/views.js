// The views, in the order of their tabs.

import * as bans from './bans.js'
import * as config from './config.js'
import * as health from './health.js'
import * as keys from './keys.js'
import * as latency from './latency.js'
import * as lists from './lists.js'
import * as overview from './overview.js'
import * as sources from './sources.js'
import * as torrents from './torrents.js'
import * as upstreams from './upstreams.js'

export const VIEWS = [
    { name: 'overview', title: 'Overview', ...overview },
    { name: 'torrents', title: 'Torrents', ...torrents },
    { name: 'keys', title: 'Keys', ...keys },
    { name: 'lists', title: 'Lists', ...lists },
    { name: 'bans', title: 'Bans', ...bans },
    { name: 'sources', title: 'Sources', ...sources },
    { name: 'upstreams', title: 'Upstream trackers', ...upstreams },
    { name: 'health', title: 'Health', ...health },
    { name: 'latency', title: 'Latency', ...latency },
    { name: 'config', title: 'Configuration', ...config }
]
