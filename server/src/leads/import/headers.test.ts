import { describe, expect, it } from 'vitest'
import { matchHeaders, normalizeHeader, splitFullName } from './headers.ts'

const lines = (text: string) => text.split(',').map((header) => header.trim())

describe('the headers of CRM exports', () => {
  it('The headers of a Salesforce lead report are matched to fields', () => {
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

  it('The headers of a Salesforce data export, which are names of its API, are matched to fields', () => {
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

  it('The headers of HubSpot contacts are matched to fields', () => {
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

  it('The headers of HubSpot contacts with only an associated company are matched to fields', () => {
    expect(matchHeaders(lines('Email,Associated Company,Lead Status'))).toEqual({
      email: 'Email',
      company: 'Associated Company',
      stage: 'Lead Status',
    })
  })

  it('The headers of Pipedrive people, whose whole name is one column, are matched to fields', () => {
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

  it('The headers of Pipedrive leads are matched to fields', () => {
    const headers = 'Lead - Title,Lead - Owner,Lead - Source,Person - First name,Person - Last name,Person - Email'
    expect(matchHeaders(lines(headers))).toEqual({
      email: 'Person - Email',
      firstName: 'Person - First name',
      lastName: 'Person - Last name',
      source: 'Lead - Source',
      owner: 'Lead - Owner',
    })
  })

  it('The first of numbered headers of addresses and phones is matched to the field', () => {
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

  const headersInOtherLanguages = [
    ['Vorname,Name,Firma,E-Mail-Adresse', 'E-Mail-Adresse', 'Vorname', 'Name'],
    ['Prénom,Nom,Société,Courriel', 'Courriel', 'Prénom', 'Nom'],
    ['Nombre,Apellidos,Empresa,Correo electrónico', 'Correo electrónico', 'Nombre', 'Apellidos'],
    ['Nome,Cognome,Azienda,Indirizzo e-mail', 'Indirizzo e-mail', 'Nome', 'Cognome'],
    ['Imię,Nazwisko,Firma,Adres e-mail', 'Adres e-mail', 'Imię', 'Nazwisko'],
    ['Имя,Фамилия,Компания,Электронная почта', 'Электронная почта', 'Имя', 'Фамилия'],
    ['名,姓,会社名,メールアドレス', 'メールアドレス', '名', '姓'],
    ['Ad,Soyadı,Şirket,E-posta', 'E-posta', 'Ad', 'Soyadı'],
    ['first_name,last_name,organisation,EMAIL_ADDRESS', 'EMAIL_ADDRESS', 'first_name', 'last_name'],
  ] as const

  it('Headers in other languages and spellings are matched to fields', () => {
    for (const [headers, email, firstName, lastName] of headersInOtherLanguages) {
      const company = lines(headers)[2]
      expect(matchHeaders(lines(headers)), headers).toMatchObject({ email, firstName, lastName, company })
    }
  })

  it('A header with the word email that says where the address is used is matched to the address', () => {
    expect(matchHeaders(['Email Opt Out', 'Email bounced', 'Email (private)'])).toEqual({ email: 'Email (private)' })
  })

  it('No field is matched where no header names one', () => {
    expect(matchHeaders(['Foo', 'Bar', 'Email Opt Out'])).toEqual({})
  })

  it('The first of two equal headers is matched to the field', () => {
    expect(matchHeaders(['Email', 'Email (2)', 'Phone', 'Phone (2)'])).toEqual({ email: 'Email', phone: 'Phone' })
  })
})

it('Headers are compared without case, accents and punctuation', () => {
  expect(['  Person - E-Mail ', 'person_e_mail', 'Pérson E.Mail'].map(normalizeHeader)).toEqual(
    Array.from({ length: 3 }, () => 'person e mail'),
  )
})

it('A whole name is split into first and last name as its script and its commas say', () => {
  for (const [name, firstName, lastName] of [
    ['Ada Lovelace', 'Ada', 'Lovelace'],
    ['Jan van der Berg', 'Jan', 'van der Berg'],
    ['Lovelace, Ada', 'Ada', 'Lovelace'],
    ['小池 貴大', '貴大', '小池'],
    ['김 민준', '민준', '김'],
    ['Madonna', 'Madonna', ''],
    ['  ', '', ''],
  ] as const)
    expect(splitFullName(name), name).toEqual({ firstName, lastName })
})
