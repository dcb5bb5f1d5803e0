// The broker aedes on the loopback address, sessions and queues in memory: `node broker.mjs FILE`.
// FILE is JSON: {"port": …, "users": {name: {"password": …, "write": filter, "read": filter}}}.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { timingSafeEqual } from 'node:crypto'
import { Aedes } from 'aedes'

const { port, users } = JSON.parse(readFileSync(process.argv[2], 'utf8'))

// Whether a topic, or a narrower filter, lies within a filter (MQTT 3.1.1, 4.7).
function within(filter, asked) {
  const allowed = filter.split('/')
  const levels = asked.split('/')
  for (let i = 0; i < allowed.length; i++) {
    if (allowed[i] === '#') return true
    if (i >= levels.length || levels[i] === '#') return false
    if (allowed[i] !== '+' && allowed[i] !== levels[i]) return false
  }
  return levels.length === allowed.length
}

function same(given, expected) {
  const a = Buffer.from(given ?? '')
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

const broker = await Aedes.createBroker({
  queueLimit: 100_000, // packets that may wait while a client is being let in
  authenticate(client, username, password, done) {
    const user = users[username]
    client.account = user
    if (user !== undefined && same(password, user.password)) return done(null, true)
    const error = new Error('no such account')
    error.returnCode = 5 // not authorised (MQTT 3.1.1, 3.2.2.3)
    done(error, false)
  },
  authorizePublish(client, packet, done) {
    const write = client?.account?.write
    done(write !== undefined && within(write, packet.topic) ? null : new Error(`not yours: ${packet.topic}`))
  },
  authorizeSubscribe(client, subscription, done) {
    const read = client?.account?.read
    done(null, read !== undefined && within(read, subscription.topic) ? subscription : null)
  },
})

const server = createServer(broker.handle)
server.listen(port, '127.0.0.1')
for (const name of ['SIGTERM', 'SIGINT']) {
  process.on(name, () => {
    broker.close(() => process.exit(0))
    server.close()
  })
}
