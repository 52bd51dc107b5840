import { describe, expect, it } from 'vitest'
import { parseSmtpUrl } from './settings.ts'

describe('parseSmtpUrl', () => {
  it('SMTP_URL gives the host, the port, the user, the password and the options', () => {
    expect(parseSmtpUrl('smtp://ada%40x.test:p%40ss@mail.example.com:2525?connections=20&requireTLS')).toEqual({
      ok: true,
      settings: {
        host: 'mail.example.com',
        port: 2525,
        secure: false,
        user: 'ada@x.test',
        password: 'p@ss',
        connections: 20,
        requireTls: true,
        ignoreTls: false,
        rejectUnauthorized: true,
      },
    })
  })

  it('SMTP_URL without a port or connections gives the port of its scheme and ten connections', () => {
    expect(parseSmtpUrl('smtp://mail.example.com')).toMatchObject({
      settings: { port: 587, connections: 10, user: null },
    })
    expect(parseSmtpUrl('smtps://mail.example.com/?rejectUnauthorized=false')).toMatchObject({
      settings: { port: 465, secure: true, rejectUnauthorized: false },
    })
    expect(parseSmtpUrl('smtp://[::1]:25')).toMatchObject({ settings: { host: '::1', port: 25 } })
  })

  it('an SMTP_URL that is wrong is refused in one sentence that does not repeat it', () => {
    for (const text of [
      '',
      'mail.example.com',
      'http://mail.example.com',
      'smtp://',
      'smtp://mail.example.com/path',
      'smtp://mail.example.com?pool=true',
      'smtp://mail.example.com?connections=0',
      'smtp://mail.example.com?connections=101',
      'smtp://mail.example.com?connections=ten',
      'smtp://mail.example.com?requireTLS=perhaps',
      'smtp://mail.example.com?requireTLS&ignoreTLS',
      'smtp://ada@mail.example.com',
      'smtp://ada:100%@mail.example.com',
    ]) {
      const parsed = parseSmtpUrl(text)
      expect(parsed, text).toEqual({ ok: false, problem: expect.stringMatching(/^(must|has) .*\.$/) })
      expect(JSON.stringify(parsed), text).not.toContain('ada:100')
    }
  })
})
