import { describe, expect, it } from 'vitest'
import { matchHeaders, normalizeHeader, splitFullName } from './headers.ts'

const lines = (text: string) => text.split(',').map((header) => header.trim())

describe('headers of CRM exports are matched', () => {
  it('of a Salesforce lead report', () => {
    const headers =
      'First Name,Last Name,Title,Company / Account,Email,Phone,Mobile,Lead Source,Lead Owner,Lead Status,Description'
    expect(matchHeaders(lines(headers))).toEqual({
      email: 'Email',
      firstName: 'First Name',
      lastName: 'Last Name',
      company: 'Company / Account',
      phone: 'Phone',
      source: 'Lead Source',
      owner: 'Lead Owner',
      stage: 'Lead Status',
      notes: 'Description',
    })
  })

  it('of a Salesforce data export, with the names of its API', () => {
    expect(
      matchHeaders(lines('Id,FirstName,LastName,Company,Email,MobilePhone,LeadSource,Status,Description')),
    ).toEqual({
      email: 'Email',
      firstName: 'FirstName',
      lastName: 'LastName',
      company: 'Company',
      phone: 'MobilePhone',
      source: 'LeadSource',
      stage: 'Status',
      notes: 'Description',
    })
  })

  it('of HubSpot contacts', () => {
    const headers =
      'Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Associated Company,Company Name,Lifecycle Stage,Original Source,Lead Status,Email Opt Out'
    expect(matchHeaders(lines(headers))).toEqual({
      email: 'Email',
      firstName: 'First Name',
      lastName: 'Last Name',
      company: 'Company Name',
      phone: 'Phone Number',
      source: 'Original Source',
      owner: 'Contact owner',
      stage: 'Lifecycle Stage',
    })
  })

  it('of HubSpot contacts with only an associated company', () => {
    expect(matchHeaders(lines('Email,Associated Company,Lead Status'))).toEqual({
      email: 'Email',
      company: 'Associated Company',
      stage: 'Lead Status',
    })
  })

  it('of Pipedrive people, whose whole name is one column', () => {
    const headers =
      'Person - Name,Person - Email - Home,Person - Email - Work,Person - Phone - Work,Person - Organization,Person - Owner,Deal - Stage'
    expect(matchHeaders(lines(headers))).toEqual({
      email: 'Person - Email - Work',
      firstName: 'Person - Name',
      lastName: 'Person - Name',
      company: 'Person - Organization',
      phone: 'Person - Phone - Work',
      owner: 'Person - Owner',
      stage: 'Deal - Stage',
    })
  })

  it('of Pipedrive leads', () => {
    const headers = 'Lead - Title,Lead - Owner,Lead - Source,Person - First name,Person - Last name,Person - Email'
    expect(matchHeaders(lines(headers))).toEqual({
      email: 'Person - Email',
      firstName: 'Person - First name',
      lastName: 'Person - Last name',
      source: 'Lead - Source',
      owner: 'Lead - Owner',
    })
  })

  it('where addresses and phones are numbered', () => {
    const headers =
      'Index,Account Id,Lead Owner,First Name,Last Name,Company,Phone 1,Phone 2,Email 1,Email 2,Website,Source,Deal Stage,Notes'
    expect(matchHeaders(lines(headers))).toEqual({
      email: 'Email 1',
      firstName: 'First Name',
      lastName: 'Last Name',
      company: 'Company',
      phone: 'Phone 1',
      source: 'Source',
      owner: 'Lead Owner',
      stage: 'Deal Stage',
      notes: 'Notes',
    })
  })

  it.each([
    ['Vorname,Name,Firma,E-Mail-Adresse', 'E-Mail-Adresse', 'Vorname', 'Name'],
    ['Prénom,Nom,Société,Courriel', 'Courriel', 'Prénom', 'Nom'],
    ['Nombre,Apellidos,Empresa,Correo electrónico', 'Correo electrónico', 'Nombre', 'Apellidos'],
    ['Nome,Cognome,Azienda,Indirizzo e-mail', 'Indirizzo e-mail', 'Nome', 'Cognome'],
    ['Imię,Nazwisko,Firma,Adres e-mail', 'Adres e-mail', 'Imię', 'Nazwisko'],
    ['Имя,Фамилия,Компания,Электронная почта', 'Электронная почта', 'Имя', 'Фамилия'],
    ['名,姓,会社名,メールアドレス', 'メールアドレス', '名', '姓'],
    ['Ad,Soyadı,Şirket,E-posta', 'E-posta', 'Ad', 'Soyadı'],
    ['first_name,last_name,organisation,EMAIL_ADDRESS', 'EMAIL_ADDRESS', 'first_name', 'last_name'],
  ])('in other words: %s', (headers, email, firstName, lastName) => {
    expect(matchHeaders(lines(headers))).toMatchObject({ email, firstName, lastName, company: lines(headers)[2] })
  })

  it('where the address has a header of its own kind', () => {
    expect(matchHeaders(['Email Opt Out', 'Email bounced', 'Email (private)'])).toEqual({ email: 'Email (private)' })
  })

  it('and nothing is made up where no header tells of an address', () => {
    expect(matchHeaders(['Foo', 'Bar', 'Email Opt Out'])).toEqual({})
  })

  it('with the first of two equal headers', () => {
    expect(matchHeaders(['Email', 'Email (2)', 'Phone', 'Phone (2)'])).toEqual({ email: 'Email', phone: 'Phone' })
  })
})

it('Headers are compared without case, accents and punctuation', () => {
  expect(['  Person - E-Mail ', 'person_e_mail', 'Pérson E.Mail'].map(normalizeHeader)).toEqual(
    Array.from({ length: 3 }, () => 'person e mail'),
  )
})

it.each([
  ['Ada Lovelace', 'Ada', 'Lovelace'],
  ['Jan van der Berg', 'Jan', 'van der Berg'],
  ['Lovelace, Ada', 'Ada', 'Lovelace'],
  ['小池 貴大', '貴大', '小池'],
  ['김 민준', '민준', '김'],
  ['Madonna', 'Madonna', ''],
  ['  ', '', ''],
])('The whole name %j is split', (name, firstName, lastName) => {
  expect(splitFullName(name)).toEqual({ firstName, lastName })
})
