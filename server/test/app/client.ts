/** Signs somebody in over the API; gives the cookie. Throws with the answer where that is refused. */
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

/** Asks the API; gives the `data` of a success, and throws with the answer where it is none. */
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
