import nodemailer from 'nodemailer'

/** Opens nodemailer's pool of so many connections, with which the peers send. */
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
