import type { RequestListener } from 'node:http';

export function openDoor(port: number, onService: () => void, refuse: RequestListener): Promise<number>;
