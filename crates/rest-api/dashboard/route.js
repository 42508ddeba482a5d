// The part of the address after #: /VIEW, /VIEW/ITEM, each with a query.

export function parseRoute(hash) {
    const [path, query = ''] = hash.replace(/^#?\/?/, '').split('?', 2)
    const [view, ...item] = path.split('/')
    return { view, item: decoded(item.join('/')), query: Object.fromEntries(new URLSearchParams(query)) }
}

export function addressOf(view, item = '', query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '' && value !== 0)
    return `#/${view}${item && `/${encodeURIComponent(item)}`}${given.length ? `?${new URLSearchParams(given)}` : ''}`
}

function decoded(text) {
    try {
        return decodeURIComponent(text)
    } catch {
        return text
    }
}
