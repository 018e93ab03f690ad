/** A page that shows a service's API and sends requests to it: https://swagger.io/docs/open-source-tools/swagger-ui/ */
import { dirname } from 'node:path';
import type { Response } from 'express';
import type { Info } from './api.ts';

const FOLDER = dirname(require.resolve('swagger-ui-dist/package.json'));
/** What is served of that folder; services/Dockerfile leaves most of the rest out of the images. */
const FILES = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>API</title>
    <link rel="icon" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <script src="/docs/swagger-ui-bundle.js" defer></script>
    <script src="/docs/page.js" defer></script>
  </head>
  <body id="docs"></body>
</html>
`;

/** Without the badge of validator.swagger.io, which would be told the document's address. */
const script = ({ title }: Info): string => `document.title = ${JSON.stringify(`${title}: API`)};
SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', validatorUrl: null });
`;

/** The icons are in its style sheet, as data. */
function sendPage(res: Response): void {
  res.set('content-security-policy', `${res.get('content-security-policy')};img-src 'self' data:`);
  res.type('html').send(PAGE);
}

/** Sends the page, or one of its files. @returns false where there is none of that name */
export function sendDocs(info: Info, file: string | undefined, res: Response): boolean {
  if (file === undefined) sendPage(res);
  else if (file === 'page.js') res.type('js').send(script(info));
  else if (FILES.includes(file)) res.sendFile(file, { root: FOLDER });
  else return false;
  return true;
}
