/** Signs a member of staff in over the API and returns the cookie. Throws an error with the answer where the sign-in is refused. */
export async function signInAt(
  url: string,
  who: { email: string; password: string },
  headers: { origin: string; [name: string]: string },
): Promise<string> {
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(who),
  })
  if (!response.ok) throw new Error(`Signing ${who.email} in answered ${response.status}: ${await response.text()}`)
  return response.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ')
}

/** Calls the API and returns the `data` of a success. Throws an error with the answer where the call fails. */
export async function dataAt<Data>(
  url: string,
  headers: Record<string, string>,
  request: { method: string; path: string; body?: unknown },
): Promise<Data> {
  const { method, path, body } = request
  const response = await fetch(url + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = (await response.json()) as { success: boolean; data: Data }
  if (!answer.success) throw new Error(`${method} ${path} answered ${JSON.stringify(answer)}`)
  return answer.data
}
