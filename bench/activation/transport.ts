import nodemailer from 'nodemailer'

/** nodemailer's pool of so many connections, as the peers send with it. */
export function openTransport(port: number, connections: number) {
  return nodemailer.createTransport({
    host: '127.0.0.1',
    port,
    pool: true,
    maxConnections: connections,
    maxMessages: Infinity,
    ignoreTLS: true,
  })
}
