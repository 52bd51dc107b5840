/** True when `incoming` is to replace `known`: versions only grow, and the same version carries the same numbers. */
export function newer(known: { version: number } | null | undefined, incoming: { version: number }): boolean {
  return !known || incoming.version > known.version
}
