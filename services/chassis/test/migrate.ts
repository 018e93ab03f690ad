import { migrateCommand } from '@stand/chassis/migrate';

void migrateCommand('shop');
