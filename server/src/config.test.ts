import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, readConfig, readDatabaseConfig } from './config.ts'

const folder = path.join(tmpdir(), 'rollcall-config-of-a-test-that-makes-no-folder')

type Environment = Record<string, string>
const read = (environment: Environment = {}) => readConfig({ DATA_DIR: folder, ...environment })

function refusal(environment: Environment): string {
  try {
    read(environment)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  throw new Error(`Nothing was refused of ${JSON.stringify(environment)}.`)
}

describe('without any variable', () => {
  it('everything has the default of the contract', () => {
    expect(read()).toEqual({
      host: '127.0.0.1',
      port: 3000,
      publicUrl: 'http://localhost:3000',
      trustedProxies: ['loopback'],
      databaseUrl: null,
      dataDirectory: folder,
      smtp: null,
      mailFrom: 'Rollcall <no-reply@localhost>',
      adminEmail: 'admin@rollcall.localhost',
      adminPassword: null,
      secret: null,
      mode: 'all',
      redisUrl: null,
      logLevel: 'info',
    })
    expect(readDatabaseConfig({}).dataDirectory).toBe(path.resolve('.data'))
  })

  it('an empty variable is none, and spaces around a value are nothing', () => {
    const empty = Object.fromEntries(
      [
        'HOST',
        'PORT',
        'PUBLIC_URL',
        'TRUSTED_PROXIES',
        'DATABASE_URL',
        'SMTP_URL',
        'MAIL_FROM',
        'ADMIN_EMAIL',
        'ADMIN_PASSWORD',
        'SECRET',
        'MODE',
        'REDIS_URL',
        'LOG_LEVEL',
      ].map((name) => [name, ' ']),
    )
    expect(read(empty)).toEqual(read())
    expect(read({ PORT: ' 4000 ', MODE: 'api\n' })).toMatchObject({ port: 4000, mode: 'api' })
  })
})

describe('what is given', () => {
  it('is taken', () => {
    const given = {
      HOST: '::',
      PORT: '8080',
      PUBLIC_URL: 'https://crm.example.com/',
      TRUSTED_PROXIES: 'loopback, 10.0.0.0/8,fd00::1',
      DATABASE_URL: 'postgres://user:word@db.example.com/rollcall',
      SMTP_URL: 'smtps://user:p%40ss@mail.example.com?connections=25',
      MAIL_FROM: 'Ada <ada@example.com>',
      ADMIN_EMAIL: 'Root@Example.com',
      ADMIN_PASSWORD: 'correct horse',
      SECRET: 'a secret of thirty-two characters',
      MODE: 'worker',
      REDIS_URL: 'rediss://cache.example.com',
      LOG_LEVEL: 'debug',
    }
    expect(read(given)).toMatchObject({
      host: '::',
      port: 8080,
      publicUrl: 'https://crm.example.com',
      trustedProxies: ['loopback', '10.0.0.0/8', 'fd00::1'],
      databaseUrl: given.DATABASE_URL,
      smtp: { host: 'mail.example.com', port: 465, secure: true, user: 'user', password: 'p@ss', connections: 25 },
      mailFrom: given.MAIL_FROM,
      adminEmail: 'root@example.com',
      adminPassword: given.ADMIN_PASSWORD,
      secret: given.SECRET,
      mode: 'worker',
      redisUrl: given.REDIS_URL,
      logLevel: 'debug',
    })
    expect(read({ PORT: '8080' }).publicUrl).toBe('http://localhost:8080')
    for (const REDIS_URL of [
      'redis://localhost',
      'redis://:p%40ss@[::1]:6380/',
      'rediss://user:word@cache.example.com/15',
    ])
      expect(read({ REDIS_URL }).redisUrl).toBe(REDIS_URL)
    expect(read({ SMTP_URL: 'smtp://localhost:1025' }).smtp).toMatchObject({ connections: 10, user: null })
    for (const HOST of ['0.0.0.0', '::1', 'localhost', 'crm.example.com', 'rollcall_1'])
      expect(read({ HOST }).host).toBe(HOST)
  })
})

describe('a wrong value', () => {
  const wrong: [string, string[], RegExp][] = [
    ['HOST', ['not a host', 'http://0.0.0.0', '1.2.3.4:80', '-', 'a\nb'], /IP address or a host name/],
    ['PORT', ['0', '65536', '-1', '80.5', 'http', '3000x', '0x50', '1e3', '99999999999'], /1 to 65535/],
    [
      'PUBLIC_URL',
      [
        'crm.example.com',
        'ftp://crm.example.com',
        'https://',
        'https://a.example/?x=1',
        'https://a.example/#x',
        'javascript:alert(1)',
        'https://a.example/crm',
        'https://user:hunter2hunter2@a.example',
        'https://:hunter2hunter2@a.example',
        'a\nb',
      ],
      /https:\/\/crm\.example\.com/,
    ],
    [
      'TRUSTED_PROXIES',
      ['everybody', '10.0.0.0/33', '10.0.0.0/', '0.0.0.0/0', '10.0.0.1,', '10.0.0.1;10.0.0.2', '::1/129', 'a\nb'],
      /networks such as 10\.0\.0\.0\/8/,
    ],
    [
      'DATABASE_URL',
      ['localhost/rollcall', 'mysql://root:hunter2hunter2@db/x', 'http://db', 'a\nb'],
      /postgres:\/\/ or postgresql:\/\//,
    ],
    [
      'SMTP_URL',
      [
        'mail.example.com',
        'http://user:hunter2hunter2@mail',
        'smtp://',
        'smtp://user:hunter2hunter2@mail?connections=0',
        'smtp://user:hunter2hunter2@mail?connections=many',
        'smtp://user:hunter2hunter2@mail?pool=1',
        'smtp://user@mail',
        'smtp://user:hunter2%@mail',
        'smtp://mail/path',
        'a\nb',
      ],
      /must|may/,
    ],
    [
      'MAIL_FROM',
      [
        'nobody',
        '@',
        'a@b@c',
        'Ada <ada@example.com>, Bob <bob@example.com>',
        'Ada <ada@example.com',
        'a@example.com\nBcc: b@example.com',
      ],
      /Rollcall <no-reply@example\.com>/,
    ],
    [
      'ADMIN_EMAIL',
      [
        'admin',
        '@localhost',
        'admin@localhost',
        'admin@localhost.',
        'a b@c.d',
        'a@b@c.d',
        `${'x'.repeat(250)}@example.com`,
        'a@b.\nc',
      ],
      /e-mail address/,
    ],
    ['ADMIN_PASSWORD', ['hunter2', 'hunter2hu', 'hunter2'.repeat(19)], /10 to 128 characters/],
    ['SECRET', ['hunter2', 'hunter2'.repeat(4)], /at least 32/],
    ['MODE', ['All', 'both', 'worker,api', 'a\nb'], /all, api, worker/],
    [
      'REDIS_URL',
      [
        'localhost:6379',
        'http://x:hunter2hunter2@cache',
        'a\nb',
        'redis://',
        'redis://:hunter2%@cache',
        'redis://:hunter2%ff@cache',
        'redis://:hunter2hunter2@cache/first',
        'redis://cache?db=1',
      ],
      /redis:\/\/.* or rediss:\/\//,
    ],
    ['LOG_LEVEL', ['verbose', 'INFO', '30', 'a\nb'], /fatal, error, warn, info, debug, trace, silent/],
  ]
  it.each(wrong)(
    'of %s is told in one line that names it and says what it may be, and repeats no secret',
    (name, values, allowed) => {
      for (const value of values) {
        const message = refusal({ [name]: value })
        expect.soft(message).toMatch(new RegExp(`^${name} `))
        expect.soft(message).not.toContain('\n')
        expect.soft(message.length).toBeLessThan(320)
        expect.soft(message).toMatch(allowed)
        expect.soft(message).not.toContain('hunter2')
      }
    },
  )
})

describe('the secret', () => {
  it('is left to the data directory where none is given', () => {
    expect(read().secret).toBeNull()
  })

  it('must be given in production', () => {
    expect(refusal({ NODE_ENV: 'production' })).toMatch(/^SECRET is missing; in production it must be given/)
    expect(read({ NODE_ENV: 'production', SECRET: 'x'.repeat(32) }).secret).toBe('x'.repeat(32))
  })
})

it('touches no folder, whether the configuration is taken or refused', () => {
  read()
  refusal({ NODE_ENV: 'production' })
  expect(existsSync(folder)).toBe(false)
})
