import type { drizzleAdapter } from 'better-auth/adapters/drizzle'

/**
 * The sign-in library knows no address at a host without a dot, and the first superadmin of an installation is
 * `admin@localhost`. So towards the library such a host gets an ending that no real host has (RFC 2606), which is taken
 * off again where the library looks into the database.
 */
const ending = '.bare-host.invalid'

/** The address as the sign-in library takes it. */
export function withHostEnding(address: string): string {
  return /@[^.@]+$/.test(address) ? address + ending : address
}

/** A text in which the library may have repeated such an address. */
export function withoutHostEnding(text: string): string {
  return text.replaceAll(ending, '')
}

type AdapterFactory = ReturnType<typeof drizzleAdapter>

/** The library's database, which finds a person by either form of the address and answers in the form that was asked for. */
export function knowingBareHosts(createAdapter: AdapterFactory): AdapterFactory {
  return (options) => {
    const adapter = createAdapter(options)
    const findOne: typeof adapter.findOne = async <Row>(query: Parameters<typeof adapter.findOne>[0]) => {
      const asked = query.where.find(({ field, value }) => field === 'email' && String(value).endsWith(ending))?.value
      if (asked === undefined) return adapter.findOne<Row>(query)
      const where = query.where.map((each) => ({
        ...each,
        value: each.value === asked ? withoutHostEnding(String(asked)) : each.value,
      }))
      const found = await adapter.findOne<Row>({ ...query, where })
      return found === null ? null : { ...found, email: asked }
    }
    return { ...adapter, findOne }
  }
}
