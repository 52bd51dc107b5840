/** Roles of staff, from the least to the most allowed. A role may do what the roles before it may. */
export const roles = ['support', 'admin', 'superadmin'] as const
export type Role = (typeof roles)[number]

/** True when somebody with the role `held` may do what asks for the role `needed`. */
export function roleAllows(held: Role, needed: Role): boolean {
  return roles.indexOf(held) >= roles.indexOf(needed)
}
