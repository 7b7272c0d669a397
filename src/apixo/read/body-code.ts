import { fieldOf, isFields } from './json-fields.ts';

/** The code and the message in the body of an answer. */
export interface BodyCode {
  /** The code of an error that is an HTTP status; `undefined` when the body has none. */
  failed: number | undefined;
  /** The error text of the body: its message, and its code where that is a word. */
  message: string;
  /** Whether the body reports a failed request, without a code that is an HTTP status. */
  refused: boolean;
}

const successWords = /^(ok|success|succeeded|successful)$/i;

/** Reads `{code, message}`: the code as a number or as text, 0 and words of success as success. */
export function readBodyCode(body: unknown): BodyCode {
  if (!isFields(body)) return { failed: undefined, message: '', refused: false };
  const error = fieldOf(body, ['error', 'errors']);
  const nested = isFields(error) ? error : {};
  const code = fieldOf(body, ['code', 'errorcode', 'errcode', 'statuscode']) ?? fieldOf(nested, ['code', 'status']);
  const texts = [
    fieldOf(body, ['message', 'msg', 'errormessage', 'detail']),
    isFields(error) ? fieldOf(nested, ['message', 'msg', 'type']) : error,
  ].filter((text) => typeof text === 'string' && text !== '');
  const message = texts.join(': ');
  const number = typeof code === 'number' ? code : typeof code === 'string' ? Number(code.trim() || Number.NaN) : NaN;
  const isRefusal = fieldOf(body, ['success', 'ok']) === false || (error !== undefined && error !== false);
  if (Number.isInteger(number)) {
    const good = number === 0 || (number >= 200 && number < 300);
    if (good) return { failed: undefined, message, refused: isRefusal };
    const isStatus = number >= 300 && number < 600;
    return { failed: isStatus ? number : undefined, message, refused: !isStatus || isRefusal };
  }
  if (typeof code === 'string' && !successWords.test(code.trim())) {
    return { failed: undefined, message: [code, message].filter(Boolean).join(': '), refused: true };
  }
  return { failed: undefined, message, refused: isRefusal };
}
