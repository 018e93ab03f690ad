import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser that is installed: CHROMIUM, or one of the usual places. */
export function browserPath(): string | undefined {
  return [process.env.CHROMIUM ?? '', ...PLACES].find(existsSync);
}

export async function launchBrowser(): Promise<Browser> {
  // It takes a second to load, and most tests look at no page.
  const { chromium } = await import('playwright-core');
  return chromium.launch({
    executablePath: browserPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
    ],
  });
}
