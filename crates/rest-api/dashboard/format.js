// Numbers for people.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

// 1,234,567
export const count = number => whole.format(number)

// 987, 12.3k, 4.56M: three digits that are enough to see a change.
export const short = number => scaled(number, 1000, ['', 'k', 'M', 'G', 'T'])

// 1.5 GiB
export const bytes = number => scaled(number, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB'])

// 850 µs, 1.25 ms, 2.00 s
export const micros = number => scaled(number, 1000, [' µs', ' ms', ' s'])

function scaled(number, base, units) {
    let unit = 0
    while (Math.abs(number) >= base && unit < units.length - 1) {
        number /= base
        unit += 1
    }
    const digits = Number.isInteger(number) && unit === 0 ? 0 : Math.abs(number) >= 100 ? 0 : Math.abs(number) >= 10 ? 1 : 2
    return number.toFixed(digits) + units[unit]
}

// 45 s, 3 min, 2 h 5 min, 6 d 1 h
export function duration(seconds) {
    const [d, h, min, s] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60, seconds % 60].map(Math.floor)
    if (d) return h ? `${d} d ${h} h` : `${d} d`
    if (h) return min ? `${h} h ${min} min` : `${h} h`
    return min ? `${min} min` : `${s} s`
}

// 2026-01-31 13:25:00 UTC; the time of the tracker's log, wherever the operator is.
export function moment(unixS) {
    const date = new Date(unixS * 1000)
    return Number.isNaN(date.getTime()) ? String(unixS) : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

// The end of an axis: 2, 5 or 10 with zeros, or a power of two for bytes, and at least as large.
export function axisEnd(largest, isBytes) {
    if (largest <= 2) return 2
    if (isBytes) return 2 ** Math.ceil(Math.log2(largest))
    const power = 10 ** Math.floor(Math.log10(largest))
    return [1, 2, 5, 10].map(step => step * power).find(end => end >= largest)
}
