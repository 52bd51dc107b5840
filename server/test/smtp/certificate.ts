import { execFileSync } from 'node:child_process'
import path from 'node:path'

const missing =
  'These tests need the program openssl and did not find it; install it (Debian and Ubuntu: apt-get install openssl).'

/** Creates a certificate for localhost that no authority signed, and its key; returns the paths of both. */
export function makeCertificate(folder: string): { certificate: string; key: string } {
  const [certificate, key] = [path.join(folder, 'certificate.pem'), path.join(folder, 'key.pem')]
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=localhost'
  const names = ['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate]
  try {
    execFileSync('openssl', [...words.split(' '), ...names], { stdio: 'pipe' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error(missing, { cause: error })
  }
  return { certificate, key }
}
