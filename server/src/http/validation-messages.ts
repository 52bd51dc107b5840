import type { FastifySchemaValidationError } from 'fastify'

type Problem = FastifySchemaValidationError

const parts: Record<string, string> = {
  body: 'The body',
  querystring: 'The address',
  params: 'The address',
  headers: 'A header',
}

/** What is wrong with a request, in one sentence for a person. `where` is the part of the request that was checked. */
export function validationSentence(problems: readonly Problem[], where = 'body'): string {
  const part = parts[where] ?? 'The request'
  const problem = telling(problems)
  const field = problem?.instancePath.replaceAll('/', '.').replace(/^\./, '') ?? ''
  const of = field === '' ? '' : `${field} `
  const { additionalProperty: unknown, allowedValues: allowed, missingOneOf, notTogether } = problem?.params ?? {}
  if (typeof unknown === 'string')
    return `${part} has a field that Rollcall does not know${field === '' ? '' : ` in ${field}`}: "${unknown.slice(0, 100)}".`
  if (Array.isArray(allowed)) return `${part} is not valid: ${of}must be one of ${allowed.join(', ')}.`
  if (Array.isArray(missingOneOf)) return `${part} is not valid: ${of}must have one of ${missingOneOf.join(', ')}.`
  if (Array.isArray(notTogether))
    return `${part} is not valid: ${of}must not have ${notTogether.join(' and ')} at the same time.`
  return `${part} is not valid: ${of}${problem?.message ?? 'it has another form than described'}.`
}

/**
 * The problem that helps most. Where a value may have one of several forms, each form has a problem of its own: the form
 * that was meant is the one whose field is there, and of what is wrong with it the innermost counts.
 */
function telling(problems: readonly Problem[]): Problem | undefined {
  const union = problems.findLast(({ keyword }) => keyword === 'anyOf')
  if (union === undefined) return problems[0]
  const ofForms = problems.filter(({ keyword }) => keyword !== 'anyOf')
  const here = (word: string) =>
    ofForms.filter(({ keyword, instancePath }) => keyword === word && instancePath === union.instancePath)
  const absent = here('required')
  if (absent.length === ofForms.length)
    return { ...union, params: { missingOneOf: absent.map(({ params }) => params.missingProperty) } }
  const surplus = new Set(here('additionalProperties').map(({ params }) => params.additionalProperty))
  if (surplus.size === ofForms.length) return { ...union, params: { notTogether: [...surplus] } }
  const meant = ofForms.filter((problem) => !absent.includes(problem))
  return meant.toSorted((a, b) => depth(b) - depth(a))[0]
}

function depth({ instancePath }: Problem): number {
  return instancePath.split('/').length
}
