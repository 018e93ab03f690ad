const answer = await fetch('api/greeting').catch(() => undefined);
const { greeting } = answer?.ok ? await answer.json() : { greeting: 'There is no answer.' };
document.getElementById('greeting').textContent = greeting;
