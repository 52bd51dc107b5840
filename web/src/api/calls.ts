import type {
  ImportPreview,
  InspectAnswer,
  Item,
  ItemFilter,
  ItemsQuery,
  Lead,
  LeadDetail,
  LeadFacets,
  LeadFilter,
  LeadsQuery,
  CountedList,
  List,
  MailboxMessage,
  MailboxMessageDetail,
  MailboxQuery,
  Me,
  Preview,
  Progress,
  RetryRequest,
  Selection,
  SessionDetail,
  SessionsQuery,
  SettingsAnswer,
  SettingsPatch,
  SettleRequest,
  StartRequest,
} from '@rollcall/shared'
import type { SessionCommand } from '@rollcall/shared/statuses'

/** Every call the screens make: what goes out and what `data` comes back, in the words of the contract. */
export interface Calls {
  'POST /api/auth/sign-in/email': { body: { email: string; password: string }; answer: Record<string, unknown> }
  'POST /api/auth/sign-out': { body: Record<string, never>; answer: Record<string, unknown> }
  'GET /staff/me': { answer: Me }

  'GET /crm/leads': { query: LeadsQuery; answer: CountedList<Lead> }
  'GET /crm/leads/count': { query: LeadFilter; answer: { total: number } }
  'GET /crm/leads/facets': { answer: LeadFacets }
  'GET /crm/leads/:id': { parameters: { id: string }; answer: LeadDetail }
  'POST /crm/leads/import/preview': { body: FormData; answer: ImportPreview }

  'POST /crm/activation/preview': { body: { selection: Selection }; answer: Preview }
  'POST /crm/activation/sessions': { body: StartRequest; answer: Progress }
  'GET /crm/activation/sessions': { query: SessionsQuery; answer: List<Progress> }
  'GET /crm/activation/sessions/:sessionId': { parameters: { sessionId: string }; answer: SessionDetail }
  'GET /crm/activation/sessions/:sessionId/items': {
    parameters: { sessionId: string }
    query: ItemsQuery
    answer: CountedList<Item>
  }
  'GET /crm/activation/sessions/:sessionId/items/count': {
    parameters: { sessionId: string }
    query: ItemFilter
    answer: { total: number }
  }
  'GET /crm/activation/progress/:sessionId': { parameters: { sessionId: string }; answer: Progress }
  'POST /crm/activation/sessions/:sessionId/:command': {
    parameters: { sessionId: string; command: SessionCommand }
    answer: Progress
  }
  'POST /crm/activation/sessions/:sessionId/retry': {
    parameters: { sessionId: string }
    body: RetryRequest
    answer: Progress
  }
  'POST /crm/activation/sessions/:sessionId/settle': {
    parameters: { sessionId: string }
    body: SettleRequest
    answer: Progress
  }

  'GET /mailbox/messages': { query: MailboxQuery; answer: List<MailboxMessage> }
  'GET /mailbox/messages/:id': { parameters: { id: string }; answer: MailboxMessageDetail }

  'GET /settings': { answer: SettingsAnswer }
  'PATCH /settings': { body: SettingsPatch; answer: SettingsAnswer }

  'POST /activation/inspect': { body: { token: string }; answer: InspectAnswer }
  'POST /activation/accept': { body: { token: string; password: string }; answer: { email: string } }
}
export type CallName = keyof Calls
export type Input<Name extends CallName> = Omit<Calls[Name], 'answer'>
export type Answer<Name extends CallName> = Calls[Name]['answer']
