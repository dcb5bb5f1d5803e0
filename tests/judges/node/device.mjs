// A device that speaks the contract through npm `mqtt`: `node device.mjs` with its orders as JSON on standard
// input. Prints one JSON line for each thing that it sees, and ends when the gateway has said that all is
// durable; with 1 when it has not within `patience_ms`.
//
// Orders: {"port", "name", "password", "version": 4 or 5, "messages": [text, …], "log", "last",
//          "properties": {…}, "alias": bool, "patience_ms"}
import { text } from 'node:stream/consumers'
import { connectAsync } from 'mqtt'

const orders = JSON.parse(await text(process.stdin))
const say = (what) => console.log(JSON.stringify(what))
const topic = (channel) => `huishou/1/${orders.name}/${channel}`

const client = await connectAsync({
  host: '127.0.0.1',
  port: orders.port,
  protocolVersion: orders.version,
  clientId: `${orders.name}-npm`,
  username: orders.name,
  password: orders.password,
  clean: orders.version === 5,
  connectTimeout: 10_000,
  ...(orders.alias && { autoAssignTopicAlias: true }),
})
say({ saw: 'connack', version: orders.version })

const durable = new Promise((resolve) => {
  client.on('message', (name, payload, packet) => {
    const body = JSON.parse(payload.toString())
    say({ saw: 'message', topic: name, body, qos: packet.qos })
    if (name === topic('down/ack') && body.log === orders.log && body.seq >= orders.last) resolve(true)
  })
})
// What goes out, as it is on the wire: whether an alias stood for the topic.
client.on('packetsend', (packet) => {
  if (packet.cmd === 'publish') {
    say({ saw: 'sent', topic: packet.topic.toString(), alias: packet.properties?.topicAlias ?? null })
  }
})
client.on('packetreceive', (packet) => {
  if (packet.cmd === 'puback') say({ saw: 'puback', reason: packet.reasonCode ?? 0 })
})

const granted = await client.subscribeAsync(topic('down/#'), { qos: 1 })
say({ saw: 'suback', qos: granted[0].qos })
for (const message of orders.messages) {
  const options = { qos: 1, ...(orders.version === 5 && { properties: orders.properties }) }
  await client.publishAsync(topic('up/records'), message, options) // resolves with its PUBACK
}
const patience = new Promise((resolve) => setTimeout(resolve, orders.patience_ms, false).unref())
const done = await Promise.race([durable, patience])
await client.endAsync()
process.exitCode = done ? 0 : 1
