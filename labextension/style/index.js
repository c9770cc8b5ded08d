import './base.css';
import './lineage.css';
import './data.css';
