import { expect, test } from 'vitest'
import { addressKind, kindsAllowed } from '../../../src/tools/http_request/addressKind.ts'

test.each([
  [
    'never',
    [
      ...[
        '169.254.169.254',
        '169.254.0.1',
        '0.0.0.0',
        '0.1.2.3',
        '255.255.255.255',
        '224.0.0.1',
        '240.0.0.1',
        '192.0.0.192',
      ],
      ...['100.100.100.200', '168.63.129.16', '192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '192.88.99.1'],
      ...[
        '::',
        '::ffff:169.254.169.254',
        '::ffff:127.0.0.1',
        '::ffff:a9fe:a9fe',
        '::ffff:8.8.8.8',
        '::127.0.0.1',
        '::8.8.8.8',
      ],
      ...[
        '64:ff9b::a9fe:a9fe',
        '64:ff9b:1::1',
        'fe80::1',
        'fe80::1%lo',
        'fec0::1',
        'ff02::1',
        'fd00:ec2::254',
        'fd20:ce::254',
      ],
      ...['2001::1', '2001:db8::1', '2002:a9fe:a9fe::', '3fff::1', '100::1', '4000::1', '1::1'],
      ...['', 'localhost', '0x7f.1', '2130706433', '127.1', '127.0.0.1.', '010.0.0.1', '1.2.3.4:80'],
    ],
  ],
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1']],
  ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12:3456::1']],
  ['public', ['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1']],
])('%s', (kind, addresses) => {
  for (const address of addresses) expect(addressKind(address), address).toBe(kind)
})

test('a name is public unless it says otherwise; an address means itself', () => {
  expect(kindsAllowed('api.example', false)).toEqual(['public'])
  expect(kindsAllowed('api.example', true)).toEqual(['public', 'private'])
  expect(kindsAllowed('localhost', true)).toEqual(['loopback'])
  expect(kindsAllowed('a.localhost', false)).toEqual(['loopback'])
  expect(kindsAllowed('localhost.example', false)).toEqual(['public'])
  expect(kindsAllowed('10.0.0.1', false)).toEqual(['private'])
  expect(kindsAllowed('[::1]', false)).toEqual(['loopback'])
  expect(kindsAllowed('169.254.169.254', true)).toEqual([])
  expect(kindsAllowed('[::ffff:a9fe:a9fe]', true)).toEqual([])
})
