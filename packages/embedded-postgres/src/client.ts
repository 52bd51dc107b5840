import { Client } from 'pg'

/** Runs `task` on a connection of its own, which is closed afterwards. `name` is what PostgreSQL shows of the connection. */
export async function withClient<Result>(
  url: string,
  name: string,
  task: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({ connectionString: url, application_name: name, connectionTimeoutMillis: 10_000 })
  // An error that no query waits for would end the process; the next query of the task fails by itself.
  client.on('error', () => {})
  await client.connect()
  try {
    return await task(client)
  } finally {
    await client.end()
  }
}
