// Node from 22.18 on runs TypeScript by itself, in half the time; ts-node does it for the older ones.
if (!process.features.typescript) require('ts-node/register');
