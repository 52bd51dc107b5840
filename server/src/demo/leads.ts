import type { Faker } from '@faker-js/faker'
import { faker as arabic } from '@faker-js/faker/locale/ar'
import { faker as chinese } from '@faker-js/faker/locale/zh_CN'
import { faker as english } from '@faker-js/faker/locale/en'
import { faker as french } from '@faker-js/faker/locale/fr'
import { faker as german } from '@faker-js/faker/locale/de'
import { faker as greek } from '@faker-js/faker/locale/el'
import { faker as hebrew } from '@faker-js/faker/locale/he'
import { faker as japanese } from '@faker-js/faker/locale/ja'
import { faker as korean } from '@faker-js/faker/locale/ko'
import { faker as nepali } from '@faker-js/faker/locale/ne'
import { faker as polish } from '@faker-js/faker/locale/pl'
import { faker as russian } from '@faker-js/faker/locale/ru'
import { faker as spanish } from '@faker-js/faker/locale/es'
import { faker as thai } from '@faker-js/faker/locale/th'
import { faker as turkish } from '@faker-js/faker/locale/tr'
import { faker as ukrainian } from '@faker-js/faker/locale/uk'
import { faker as vietnamese } from '@faker-js/faker/locale/vi'
import { leadFieldLengths, type LeadField } from '@rollcall/shared'
import type { Database } from '../db/database.ts'
import { keyedLead, storeLeads, type LeadCounts } from '../leads/leads.usecases.ts'

/** Every second lead is English. */
const others: Faker[] = [
  german,
  french,
  polish,
  japanese,
  arabic,
  chinese,
  ukrainian,
  vietnamese,
  turkish,
  spanish,
  greek,
  korean,
  hebrew,
  russian,
  thai,
  nepali,
]
const domains = ['example.com', 'example.net', 'example.org', 'mail.example', 'firma.example', 'crm.example']
const sources = ['Web', 'Referral', 'Trade show', 'Newsletter', 'Cold call', 'Partner', 'Messe Köln', '紹介', '']
const stages = ['New', 'Contacted', 'Qualified', 'Negotiation', 'Closed won', 'Closed lost', '']
const owners = [
  'Shelia Price',
  'Hallie Lang',
  'Roy Runolfsdottir',
  "Octavia D'Amore",
  'Mina Howell',
  'Jürgen Groß',
  'Zoë Çelik',
  '田中 美咲',
  'Олена Коваль',
  'Nguyễn Thị Minh Khai',
  '',
]

/** Names that have broken other software: quotes, markup, formulas, templates, very long and very short ones. */
const unusual: { firstName: string; lastName: string; company: string }[] = [
  {
    firstName: 'Hubert Blaine',
    lastName: `Wolfeschlegelsteinhausenbergerdorff${' the Elder'.repeat(16)}`,
    company: 'Long & Sons',
  },
  { firstName: 'X', lastName: 'Æ', company: 'A' },
  { firstName: 'Robert "Bobby"', lastName: "O'Brien; DROP TABLE", company: 'Quotes, Commas; and Tabs' },
  { firstName: '<b>Bold</b>', lastName: '{{ user.name }}', company: '=SUM(A1:A9)' },
  {
    firstName: 'José María de la Concepción',
    lastName: 'García-Márquez y Fernández',
    company: `${'Rindfleischetikettierungs'.repeat(10)} GmbH`,
  },
  { firstName: '👩‍🚀 Sally', lastName: 'Ride', company: '🚀 Rockets' },
]

/** Made-up leads of many languages and lengths, always the same for the same seed. Addresses lead nowhere (RFC 2606). */
export function* demoLeads(count: number, seed = 1): Generator<Record<LeadField, string>> {
  for (const [index, faker] of [english, ...others].entries()) faker.seed(seed * 1000 + index)
  for (let number = 1; number <= count; number += 1) {
    const faker = (number % 2 === 0 ? undefined : others[((number - 1) / 2) % others.length]) ?? english
    const lead = demoLead(faker, number)
    yield number % 53 === 0 ? { ...lead, ...unusual[(number / 53) % unusual.length] } : lead
  }
}

function demoLead(faker: Faker, number: number): Record<LeadField, string> {
  const sometimes = (probability: number, value: () => string) =>
    faker.datatype.boolean({ probability }) ? value() : ''
  const firstName = sometimes(0.97, () => faker.person.firstName())
  const lastName = sometimes(0.97, () => faker.person.lastName())
  return {
    email: `${localPart(firstName, lastName)}.${number}@${faker.helpers.arrayElement(domains)}`,
    firstName,
    lastName,
    company: sometimes(0.9, () => faker.company.name()).slice(0, leadFieldLengths.company),
    phone: sometimes(0.7, () => faker.phone.number()),
    source: faker.helpers.arrayElement(sources),
    owner: faker.helpers.arrayElement(owners),
    stage: faker.helpers.arrayElement(stages),
    notes: sometimes(0.3, () => faker.lorem.sentences({ min: 1, max: 4 }, '\n')),
  }
}

/** Writes a name in plain letters, for an address; other English letters where none are left. */
function localPart(firstName: string, lastName: string): string {
  const plain = `${firstName}.${lastName}`
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z.]/g, '')
    .replaceAll(/\.+/g, '.')
    .replaceAll(/^\.|\.$/g, '')
    .slice(0, 40)
    .replace(/\.$/, '')
  return plain === ''
    ? english.person
        .firstName()
        .toLowerCase()
        .replaceAll(/[^a-z]/g, '') || 'person'
    : plain
}

/** The number of rows in one statement. */
const chunkRows = 2000

/** Stores the first `count` made-up leads. Those that exist already stay as they are. */
export async function insertDemoLeads(database: Database, count: number): Promise<LeadCounts> {
  const total: LeadCounts = { created: 0, updated: 0, unchanged: 0 }
  let chunk: ReturnType<typeof keyedLead>[] = []
  const flush = async () => {
    const counts = await storeLeads(database, chunk, null)
    total.created += counts.created
    total.updated += counts.updated
    total.unchanged += counts.unchanged
    chunk = []
  }
  for (const lead of demoLeads(count)) {
    chunk.push(keyedLead(lead))
    if (chunk.length === chunkRows) await flush()
  }
  if (chunk.length > 0) await flush()
  return total
}
