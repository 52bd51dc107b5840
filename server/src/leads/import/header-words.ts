import type { LeadField } from '@rollcall/shared'

const words = (text: string): string[] => text.split(',').map((word) => word.trim())

/**
 * The headers under which CRMs (Salesforce, HubSpot, Pipedrive), address books and people of several languages write each field.
 * They are compared after `normalizeHeader`. Where a file has several headers of a field, the one that comes first here is used.
 */
export const headersOfFields: Record<LeadField, string[]> = {
  email: words(`
    email, e mail, email address, e mail address, primary email, work email, business email, person email work,
    person email, lead email, contact email, email work, email 1, e mail 1, email address 1, email 1 value,
    e mail 1 value, person email home, person email other, mail, e mail adresse, email adresse, mailadresse,
    courriel, adresse e mail, adresse email, adresse mail, adresse electronique, correo, correo electronico,
    direccion de correo electronico, indirizzo email, indirizzo e mail, posta elettronica, endereco de email,
    e mailadres, emailadres, e mail adres, adres e mail, adres email, e postadress, e post, epost, e postadresse,
    epostadresse, sahkoposti, sahkopostiosoite, eposta, e posta, e posta adresi, e mailova adresa,
    электронная почта, эл почта, почта, адрес электронной почты, электронна пошта, ηλεκτρονικο ταχυδρομειο,
    thu dien tu, 邮箱, 电子邮箱, 电子邮件, 邮件地址, 電子郵件, メール, メールアドレス, eメール, 이메일, 이메일 주소, البريد الالكتروني, بريد الكتروني,
    דואר אלקטרוני, אימייל, ईमेल, อเมล
  `),
  firstName: words(`
    first name, firstname, given name, forename, person first name, lead first name, contact first name, vorname,
    prenom, nombre de pila, primeiro nome, voornaam, imie, fornamn, fornavn, etunimi, jmeno, имя, імя, ονομα, ad,
    ten, 名, 名字, 이름, الاسم الاول, שם פרטי
  `),
  lastName: words(`
    last name, lastname, surname, family name, person last name, lead last name, contact last name, nachname,
    familienname, zuname, nom de famille, apellido, apellidos, cognome, sobrenome, achternaam, nazwisko,
    efternamn, etternavn, efternavn, sukunimi, prijmeni, фамилия, прізвище, επωνυμο, soyad, soyadi, ho, 姓, 姓氏, 성,
    اسم العائلة, שם משפחה
  `),
  company: words(`
    company, company account, company name, account name, account, organization, organisation, organization name,
    organisation name, person organization, lead organization, deal organization, associated company,
    associated company primary, primary associated company, employer, firma, firmenname, unternehmen, societe,
    entreprise, empresa, azienda, societa, bedrijf, bedrijfsnaam, foretag, virksomhed, yritys, spolecnost,
    sirket, компания, организация, компанія, εταιρεια, cong ty, 公司, 公司名称, 会社, 会社名, 회사, 회사명, الشركة, חברה
  `),
  phone: words(`
    phone, phone number, telephone, telephone number, tel, phone 1, work phone, business phone, office phone,
    person phone work, person phone, lead phone, contact phone, primary phone, phone work, phone 1 value, mobile,
    mobile phone, mobile phone number, mobile number, cell, cell phone, person phone mobile, person phone home,
    person phone other, telefon, telefonnummer, rufnummer, numero de telephone, telefono, telefone, telefoon,
    telefoonnummer, numer telefonu, puhelin, mobil, portable, movil, cellulare, телефон, τηλεφωνο, dien thoai,
    so dien thoai, 电话, 手机, 電話, 電話番号, 전화, 전화번호, الهاتف, טלפון
  `),
  source: words(`
    lead source, source, original source, original source type, original traffic source, person source,
    deal source, lead source channel, lead channel, quelle, herkunft, leadquelle, lead quelle, origine, origen,
    fuente, origem, fonte, bron, zrodlo, kalla, kilde, источник, джерело, 来源, 출처
  `),
  owner: words(`
    lead owner, owner, contact owner, account owner, person owner, deal owner, record owner, owner name,
    assigned to, sales rep, inhaber, besitzer, zustandig, verantwortlich, proprietaire, responsable, propietario,
    proprietario, eigenaar, wlasciciel, ansvarig, ответственный, відповідальний, 负责人, 担当者, 담당자
  `),
  stage: words(`
    deal stage, lifecycle stage, lead stage, person stage, stage, pipeline stage, lead status, status,
    person status, contact status, lead label, phase, stufe, etape, etapa, fase, etap, statut, estado, стадия,
    этап, статус, 阶段, ステージ, 단계
  `),
  notes: words(`
    notes, note, lead notes, person notes, description, lead description, comments, comment, remarks, message,
    notizen, notiz, bemerkung, bemerkungen, anmerkungen, beschreibung, kommentar, commentaire, commentaires,
    remarques, notas, observaciones, comentarios, opmerkingen, uwagi, notatki, заметки, примечание, комментарий,
    备注, 備考, メモ, 메모, ملاحظات, הערות
  `),
}

/** The headers of a column that has the first and the last name together. */
export const headersOfFullNames: string[] = words(`
    full name, name, person name, contact name, lead name, customer name, person, contact person, contact,
    vollstandiger name, nom complet, nom, nombre completo, nombre, nome completo, nome, imie i nazwisko, naam,
    namn, navn, nimi, фио, полное имя, ονοματεπωνυμο, ho ten, ho va ten, 姓名, 氏名, 名前, お名前, 성명, الاسم, שם
`)
