import type { FastifySchemaValidationError } from 'fastify'

type Problem = FastifySchemaValidationError

/** The part of a request that Fastify validated, as the subject of a sentence. */
const subjects: Record<string, string> = {
  body: 'The body',
  querystring: 'The address',
  params: 'The address',
  headers: 'A header',
}

/** Says in one sentence for a person what is wrong with a request. `where` is the part of the request that was validated. */
export function validationSentence(problems: readonly Problem[], where = 'body'): string {
  const subject = subjects[where] ?? 'The request'
  const problem = mostHelpful(problems)
  const field = problem?.instancePath.replaceAll('/', '.').replace(/^\./, '') ?? ''
  const of = field === '' ? '' : `${field} `
  const { additionalProperty: unknown, allowedValues: allowed, missingOneOf, notTogether } = problem?.params ?? {}
  if (typeof unknown === 'string')
    return `${subject} has a field that Rollcall does not know${field === '' ? '' : ` in ${field}`}: "${unknown.slice(0, 100)}".`
  if (Array.isArray(allowed)) return `${subject} is not valid: ${of}must be one of ${allowed.join(', ')}.`
  if (Array.isArray(missingOneOf)) return `${subject} is not valid: ${of}must have one of ${missingOneOf.join(', ')}.`
  if (Array.isArray(notTogether))
    return `${subject} is not valid: ${of}must not have ${notTogether.join(' and ')} at the same time.`
  return `${subject} is not valid: ${of}${problem?.message ?? 'it has another form than described'}.`
}

/**
 * Chooses the problem that helps a person most. Where a value may have one of several forms (`anyOf`), each form reports
 * problems of its own: the form that was meant is the one whose field is present, and its innermost problem is chosen.
 */
function mostHelpful(problems: readonly Problem[]): Problem | undefined {
  const union = problems.findLast(({ keyword }) => keyword === 'anyOf')
  if (union === undefined) return problems[0]
  const ofForms = problems.filter(({ keyword }) => keyword !== 'anyOf')
  const here = (word: string) =>
    ofForms.filter(({ keyword, instancePath }) => keyword === word && instancePath === union.instancePath)
  const missing = here('required')
  if (missing.length === ofForms.length)
    return { ...union, params: { missingOneOf: missing.map(({ params }) => params.missingProperty) } }
  const surplus = new Set(here('additionalProperties').map(({ params }) => params.additionalProperty))
  if (surplus.size === ofForms.length) return { ...union, params: { notTogether: [...surplus] } }
  const meant = ofForms.filter((problem) => !missing.includes(problem))
  return meant.toSorted((a, b) => depth(b) - depth(a))[0]
}

function depth({ instancePath }: Problem): number {
  return instancePath.split('/').length
}
