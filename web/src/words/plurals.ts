/** The forms of a word that a language tells apart; `other` stands for those that are not given. */
export type PluralForms = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>

/** A function that gives the form of a word which this language uses with a count. */
export function pluralsOf(language: string): (count: number, forms: PluralForms) => string {
  const rules = new Intl.PluralRules(language)
  return (count, forms) => forms[rules.select(count)] ?? forms.other
}
