// ldapjs: a search in pages, a comparison, a bind as whoever was found.
const ldap = require('ldapjs')
const [uri, base, reader, secret, name, password] = process.argv.slice(2)
const promised = (client, method, ...what) => new Promise((resolve, reject) => {
  client[method](...what, (error, answer) => error ? reject(error) : resolve(answer))
})
const all = async (client, filter, attributes) => {
  const answer = await promised(client, 'search', base, { scope: 'sub', filter, attributes, paged: { pageSize: 1 } })
  return new Promise((resolve, reject) => {
    const found = []
    answer.on('searchEntry', entry => found.push(entry.pojo))
    answer.on('error', reject)
    answer.on('end', () => resolve(found))
  })
}
const values = (entry, type) => (entry.attributes.find(one => one.type === type) || { values: [] }).values
const main = async () => {
  const client = ldap.createClient({ url: uri })
  await promised(client, 'bind', reader, secret)
  const [person] = await all(client, `(&(objectClass=inetOrgPerson)(uid=${name}))`, ['uid', 'mail', 'memberOf'])
  const other = ldap.createClient({ url: uri })
  try {
    await promised(other, 'bind', person.objectName, password)
  } catch (error) {
    process.exit(error.code === 49 ? 1 : 2)
  }
  if (!await promised(client, 'compare', `cn=engineering,ou=groups,${base}`, 'member', person.objectName)) process.exit(5)
  const names = values(person, 'memberOf').map(dn => dn.split(',')[0].slice(3)).sort()
  console.log([values(person, 'uid')[0], values(person, 'mail')[0], names.join(','), 'engineering'].join(' '))
  client.unbind(() => process.exit(0))
}
main().catch(error => { console.error(error); process.exit(9) })
