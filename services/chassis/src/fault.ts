/** What whoever runs the service can mend: the message says all there is to say, and a stack would only hide it. */
export class Fault extends Error {}
